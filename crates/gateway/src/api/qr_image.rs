//! A QR code as a PNG picture.

use qrcode::{Color, EcLevel, QrCode};

/// Pixels to a side of one square of the code. Phones like more than a few.
const SCALE: usize = 8;
/// White squares around the code; the standard demands four.
const MARGIN: usize = 4;

/// Drawing failed.
#[derive(Debug, thiserror::Error)]
pub enum QrImageError {
    /// The text does not fit into a QR code.
    #[error("making the QR code: {0}")]
    Code(#[from] qrcode::types::QrError),
    /// Writing the picture failed.
    #[error("writing the PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Draws `text` black on white.
pub fn png(text: &str) -> Result<Vec<u8>, QrImageError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    let width = code.width();
    let side = (width + 2 * MARGIN) * SCALE;
    let mut pixels = vec![0xff; side * side];
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let left = (index % width + MARGIN) * SCALE;
            let top = (index / width + MARGIN) * SCALE;
            for row in top..top + SCALE {
                pixels[row * side + left..row * side + left + SCALE].fill(0);
            }
        }
    }
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_the_code_with_its_margin() {
        let text = "2@abc,def,ghi,jkl,1";
        let picture = png(text).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let side = info.width as usize;
        assert_eq!(side, (code.width() + 2 * MARGIN) * SCALE);
        for (index, color) in code.to_colors().into_iter().enumerate() {
            let x = (index % code.width() + MARGIN) * SCALE + SCALE / 2;
            let y = (index / code.width() + MARGIN) * SCALE + SCALE / 2;
            assert_eq!(pixels[y * side + x] == 0, color == Color::Dark);
        }
        assert!(pixels[..side * MARGIN * SCALE].iter().all(|pixel| *pixel == 0xff));
    }

    #[test]
    fn too_long_a_text_is_an_error() {
        assert!(matches!(png(&"x".repeat(10_000)), Err(QrImageError::Code(_))));
    }
}
