//! What reports on sessions have in common, for people.

use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::transfer::LeftOut;
use wakeeper_doctor::{Finding, Report, Severity};
use wakeeper_model::plural;
use wakeeper_terminal::{Console, Page, Tone};

use crate::environment;

/// Findings of one kind that are shown in full; a folder of thousands may have thousands alike.
const SHOWN_ALIKE: usize = 5;

/// Where results go.
pub fn console(json: bool) -> Console {
    Console::new(json, environment::colours())
}

/// The first lines about a session.
pub fn heading(page: &mut Page, report: &Report) {
    let (tone, verdict) = if report.healthy { (Tone::Good, "healthy") } else { (Tone::Bad, "not healthy") };
    let verdict = page.tone(tone, verdict);
    page.line(format!("{}: {}, {verdict}", report.path.display(), report.kind()));
    let login = match report.credentials {
        CredentialsState::Sound => page.tone(Tone::Good, "OK"),
        CredentialsState::Damaged => page.tone(Tone::Bad, "damaged"),
        CredentialsState::Missing => page.tone(Tone::Warning, "missing"),
    };
    page.fact("login", login);
    let (files, devices) = (plural(report.files, "file"), plural(report.signal_sessions, "contact device"));
    page.fact("files", format!("{files}, {devices}"));
    if let Some(store) = &report.store {
        let chats = plural(store.chats, "chat");
        page.fact("store", format!("{chats}, {}", plural(store.messages, "message")));
    }
}

/// Findings, errors first, those of one kind together.
pub fn show_findings(page: &mut Page, findings: &[Finding]) {
    page.gap();
    page.line(page.tone(Tone::Strong, &Finding::counted(findings)));
    for alike in findings.chunk_by(|one, next| (one.code, one.severity) == (next.code, next.severity)) {
        alike.iter().take(SHOWN_ALIKE).for_each(|finding| show_finding(page, finding));
        if alike.len() > SHOWN_ALIKE {
            let more = alike.len() - SHOWN_ALIKE;
            page.line(format!("  and {more} more of {} (--json shows all)", alike[0].code));
        }
    }
}

fn show_finding(page: &mut Page, finding: &Finding) {
    let (word, tone) = match finding.severity {
        Severity::Error => ("error", Tone::Bad),
        Severity::Warning => ("warning", Tone::Warning),
        Severity::Info => ("info", Tone::Faint),
    };
    let word = page.tone(tone, &format!("{word:<7}"));
    let peer = finding.peer.as_ref().map(|peer| format!(" ({peer})")).unwrap_or_default();
    page.line(format!("  {word}  {}{peer}: {}", finding.path, finding.code));
    page.line(format!("           {}", finding.evidence));
    if finding.severity > Severity::Info {
        let fix = format!("           fix: {}", finding.repair.describe());
        page.line(page.tone(Tone::Faint, &fix));
    }
}

/// What a session that moved left behind.
pub fn show_left_behind(page: &mut Page, left_out: &[LeftOut]) {
    for left_out in left_out {
        let whose = left_out.peer.as_ref().map(|peer| format!(" of {peer}")).unwrap_or_default();
        page.fact("left behind", format!("{}{whose}: {}", left_out.path, left_out.reason));
    }
}
