//! QR codes in the log.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;

/// Draws a QR code with half blocks, two modules a character, dark on light, so that a phone can
/// scan it off a terminal with a dark background.
///
/// # Errors
/// When the text is too long for a QR code.
pub fn terminal_qr(text: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(text, qrcode::EcLevel::L)?;
    // Inverted: blocks are what shines on a dark terminal, so they draw the light modules.
    Ok(code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .quiet_zone(true)
        .module_dimensions(1, 1)
        .build())
}

/// Shows a QR code in the log: drawn, and as the raw text that other tools render.
pub(crate) fn log(session: &str, raw: &str, seconds: u64) {
    match terminal_qr(raw) {
        Ok(drawn) => tracing::info!(
            "QR code of session {session}: scan it in WhatsApp, Linked devices, Link a device (valid {seconds} s)\n{drawn}\nQR raw: {raw}"
        ),
        Err(error) => tracing::warn!("QR code of session {session} cannot be drawn ({error})\nQR raw: {raw}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairing_code_is_drawn_two_rows_a_line() {
        let raw = format!("2@{},{},{},{},1", "A".repeat(100), "B".repeat(44), "C".repeat(44), "D".repeat(44));
        let drawn = terminal_qr(&raw).unwrap();
        let width = drawn.lines().next().unwrap().chars().count();
        assert!(drawn.lines().all(|line| line.chars().count() == width));
        assert_eq!(drawn.lines().count(), width.div_ceil(2));
        assert!(drawn.chars().all(|c| matches!(c, ' ' | '█' | '▀' | '▄' | '\n')));
        // The quiet zone is light: the drawing must be visible on dark terminals.
        assert!(drawn.starts_with('█'));
    }

    #[test]
    fn too_long_a_text_is_an_error() {
        assert!(terminal_qr(&"x".repeat(5000)).is_err());
    }
}
