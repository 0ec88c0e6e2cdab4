//! Tells the audience what happens. Colours only where there is a terminal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::cast::{ANNA, WANDA};
use super::stage::Stage;

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

/// Prints to standard output, line by line.
pub struct Narrator {
    colours: bool,
}

impl Narrator {
    /// For this process's standard output.
    pub fn new() -> Self {
        Self { colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// An audience that has left is no reason to stop.
    #[expect(clippy::unused_self, reason = "reads like the others")]
    fn line(&self, text: &str) {
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// What is running, and where.
    pub fn opening(&self, stage: &Stage, log: &Path) {
        self.line(&self.paint(BOLD, "wakeeper demo"));
        self.line("A WhatsApp server is simulated on this machine: no phone, no account, no internet.");
        self.line("The gateway is the real one and does not know the difference.\n");
        let gateway = stage.gateway_url();
        for (what, place) in [
            ("Start page", format!("{gateway}/")),
            ("All endpoints", format!("{gateway}/docs/")),
            ("API key", stage.key().to_owned()),
            ("Simulator", format!("{}/sim/state", stage.simulator_url())),
            ("Gateway's log", log.display().to_string()),
        ] {
            self.line(&format!("  {what:<15}{}", self.paint(CYAN, &place)));
        }
    }

    /// A new scene.
    pub fn scene(&self, number: u32, title: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("{number}. {title}"))));
    }

    /// Plain words.
    pub fn tell(&self, text: &str) {
        self.line(&format!("   {text}"));
    }

    /// Somebody says something.
    pub fn says(&self, who: &str, to: &str, what: &str) {
        let route = format!("{who} to {to}:");
        self.line(&format!("   {} {what}", self.paint(CYAN, &format!("{route:<22}"))));
    }

    /// Something was checked.
    pub fn check(&self, text: &str) {
        self.line(&format!("   {}", self.paint(GREEN, &format!("ok  {text}"))));
    }

    /// The result.
    pub fn closing(&self, text: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, text)));
    }

    /// What the audience can do now.
    pub fn your_turn(&self, stage: &Stage) {
        let (gateway, simulator) = (stage.gateway_url(), stage.simulator_url());
        let json = "-H 'Content-Type: application/json'";
        self.closing("Your turn. Everything stays up until you press Ctrl-C.");
        self.tell(&format!("Open {} and enter the API key.", self.paint(CYAN, &format!("{gateway}/"))));
        self.tell(&format!("Write to {} as {}, through the gateway:", ANNA.name, WANDA.name));
        self.example(&format!(
            "curl -H 'X-Api-Key: {}' {json} \\\n       -d '{{\"chatId\":\"{}\",\"text\":\"Hello Anna!\"}}' {gateway}/api/sendText",
            stage.key(),
            ANNA.chat()
        ));
        self.tell(&format!("Look at {}'s phone, and write back:", ANNA.name));
        self.example(&format!("curl {simulator}/sim/phones/{}/inbox", ANNA.number));
        self.example(&format!(
            "curl {json} \\\n       -d '{{\"to\":\"{}\",\"text\":\"Hello Wanda!\"}}' {simulator}/sim/phones/{}/send",
            WANDA.number, ANNA.number
        ));
        self.tell("See what the gateway stored:");
        self.example(&format!(
            "curl -H 'X-Api-Key: {}' {gateway}/api/default/chats/{}/messages?limit=5",
            stage.key(),
            ANNA.chat()
        ));
        self.tell("Cut the gateway's connection and watch it come back (status, log):");
        self.example(&format!(
            "curl {json} \\\n       -d '{{\"kind\":\"dropped\",\"target\":\"{}\"}}' {simulator}/sim/faults",
            WANDA.number
        ));
    }

    fn example(&self, text: &str) {
        self.line(&self.paint(DIM, &format!("     {text}")));
    }
}
