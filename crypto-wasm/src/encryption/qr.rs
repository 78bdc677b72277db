//! QR codes, as pictures that a page shows as they are.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

/// What scanners want to be white around a code, in modules.
const QUIET_ZONE: i32 = 4;

/// The text as an SVG picture, black on white with its quiet zone; `None` when there is too much of it.
pub(super) fn svg(text: &str) -> Option<String> {
    let segment = QrSegment::make_bytes(text.as_bytes());
    let code = QrCode::encode_segments_advanced(&[segment], QrCodeEcc::Medium, Version::MIN, Version::MAX, None, false).ok()?;
    let side = code.size() + 2 * QUIET_ZONE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path stroke=\"#000\" d=\""
    );
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let length = (x..code.size()).take_while(|&at| code.get_module(at, y)).count() as i32;
            if length > 0 {
                // A line of one module's width runs through the middle of its row. Writing to a string cannot fail.
                let _ = write!(svg, "M{} {}.5h{length}", x + QUIET_ZONE, y + QUIET_ZONE);
            }
            x += length.max(1);
        }
    }
    svg.push_str("\"/></svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safety_number_fits_in_a_small_code() {
        let svg = svg(&"x".repeat(148)).expect("it fits");
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 57 57\""), "{svg}");
        assert!(svg.contains("M4 4.5h7M"), "the finder in the corner, inside the quiet zone: {svg}");
        assert!(svg.len() < 12_000, "{}", svg.len());
    }

    #[test]
    fn what_fits_in_no_code_gives_none() {
        assert_eq!(svg(&"x".repeat(3_000)), None);
    }
}
