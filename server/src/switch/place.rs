//! Where a connection comes from, and what of it a peer's location is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use msr_protocol::{Location, spell};
use serde_json::value::RawValue;

use super::Heard;

/// The other side of a connection.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its address, for the log alone.
    pub address: SocketAddr,
    /// Where that address is, when a location database says so.
    pub place: Option<Place>,
    /// Where it is noted that bytes came.
    pub heard: Heard,
}

/// What a location database knows of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The name of the city.
    pub city: Option<String>,
    /// The name of the country.
    pub country: Option<String>,
}

impl Place {
    /// Fills in the city and the country that a peer does not know. What it says itself stands, and its address is
    /// never told to anybody.
    pub(super) fn fill_in(&self, location: &mut Location) {
        // A key that is no Unicode text cannot be read here: such a location stays as it is.
        let Ok(mut members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(location.0.as_str()) else { return };
        for (name, known) in [("city", &self.city), ("country", &self.country)] {
            let unknown = members.get(name).is_none_or(|told| told.get() == "\"unknown\"");
            if let (true, Some(known)) = (unknown, known)
                && let Ok(known) = serde_json::value::to_raw_value(known)
            {
                members.insert(name.to_owned(), known);
            }
        }
        // Spelled again: the map orders keys as text, JavaScript those that are array indices as numbers.
        if let Some(spelled) = serde_json::to_string(&members).ok().and_then(|text| spell(&text).ok()) {
            location.0 = spelled;
        }
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::JsonText;

    use super::*;

    fn filled(location: &str) -> String {
        let mut location = Location(JsonText::from_spelled(location.to_owned()));
        Place { city: Some("Köln".to_owned()), country: Some("Germany".to_owned()) }.fill_in(&mut location);
        location.0.into_string()
    }

    #[test]
    fn only_what_is_unknown_is_filled_in() {
        assert_eq!(
            filled(r#"{"city":"unknown","country":"Wales","addr":"unknown","coords":{"x":1e+21}}"#),
            r#"{"addr":"unknown","city":"Köln","coords":{"x":1e+21},"country":"Wales"}"#
        );
        assert_eq!(filled(r#"{"10":1,"2":2}"#), r#"{"2":2,"10":1,"city":"Köln","country":"Germany"}"#);
        assert_eq!(filled("{}"), r#"{"city":"Köln","country":"Germany"}"#);
        assert_eq!(filled(r#"{"\ud800":1}"#), r#"{"\ud800":1}"#);
    }
}
