//! Objects of the page, read member by member: the TypeScript face has checked them, and says in its types what they are.

use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

/// The member of that name, unless it is missing.
pub(crate) fn member(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object.unchecked_ref::<Object>(), &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined())
}

pub(crate) fn text(object: &JsValue, name: &str) -> Option<String> {
    member(object, name)?.as_string()
}

pub(crate) fn number(object: &JsValue, name: &str) -> Option<f64> {
    member(object, name)?.as_f64()
}

pub(crate) fn flag(object: &JsValue, name: &str) -> bool {
    member(object, name).is_some_and(|value| value.is_truthy())
}
