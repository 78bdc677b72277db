//! The small objects that go out to the page. They are of one type, so that serde-wasm-bindgen is compiled for one: each kind
//! of struct that serde takes apart costs what a whole frame of the protocol does.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use wasm_bindgen::JsValue;

/// What the page is told.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing is known: as a member of an object it is left out.
    Unknown,
    Flag(bool),
    Number(f64),
    Text(Cow<'static, str>),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl Value {
    /// The value that it is to JavaScript.
    pub(crate) fn to_page(&self) -> JsValue {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        self.serialize(&serializer).unwrap_or(JsValue::UNDEFINED)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(members) => {
                let known = members.iter().filter(|(_, value)| !matches!(value, Self::Unknown));
                serializer.collect_map(known.map(|(name, value)| (name, value)))
            }
        }
    }
}

macro_rules! value_of {
    ($($from:ty, $value:ident => $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

value_of! {
    bool, flag => Self::Flag(flag);
    u16, number => Self::Number(f64::from(number));
    u32, number => Self::Number(f64::from(number));
    f64, number => Self::Number(number);
    &'static str, text => Self::Text(Cow::Borrowed(text));
    String, text => Self::Text(Cow::Owned(text));
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}
