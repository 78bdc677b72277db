//! The keys of one device, as the page holds them.

mod account;
mod convert;
mod device;
mod face;
mod keys;
mod news;
mod qr;

pub use account::account_form;
pub use face::KeysFace;
pub use keys::Keys;
