//! The keys of one device, as the page holds them.

mod convert;
mod device;
mod face;
mod keys;
mod news;
mod qr;

pub use face::KeysFace;
pub use keys::Keys;
