//! Reading a text message with the browser's own JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use msgsrouter::read;
use msr_protocol::v1::Subject;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn spells_every_member_as_the_checksum_wants_it() {
    let received = read(
        r#" { "content" : {"b": 1.0, "2": 1E21, "1": "\u0041\/", "__proto__": [ ]}, "subject":"\ud800",
             "to": ["\u00e9"], "timestamp": 1.5e3, "from": "x", "more": 1, "checksum": "c" } "#,
    )
    .unwrap();
    assert_eq!(received.message.content.as_str(), r#"{"1":"A/","2":1e+21,"b":1,"__proto__":[]}"#);
    assert_eq!(received.message.subject.as_str(), r#""\ud800""#);
    assert_eq!(received.message.to.as_str(), r#"["é"]"#);
    assert_eq!(received.message.timestamp.as_str(), "1500");
    assert_eq!(received.message.from.as_str(), r#""x""#);
    assert_eq!((received.checksum.as_str(), received.subject, received.answer), ("c", Subject::Other, None));
}

#[wasm_bindgen_test]
fn what_is_no_message_is_none() {
    let whole = r#"{"checksum":"c","to":[],"from":"","subject":"","timestamp":1,"content":null}"#;
    assert!(read(whole).is_some());
    for member in ["checksum", "to", "from", "subject", "timestamp", "content"] {
        assert!(read(&whole.replace(member, "other")).is_none(), "{member}");
    }
    for text in ["", "{", "[]", "null", "5", "\"text\"", "{}", &whole.replace("\"c\"", "5")] {
        assert!(read(text).is_none(), "{text}");
    }
}

#[wasm_bindgen_test]
fn deep_nesting_neither_crashes_nor_passes_for_something_else() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let text = format!(r#"{{"checksum":"c","to":[],"from":"","subject":"","timestamp":1,"content":{deep}}}"#);
    assert!(read(&text).is_none_or(|received| received.message.content.as_str() == deep));
}

#[wasm_bindgen_test]
fn reads_what_an_answer_says() {
    let answer = |subject: &str, content: &str| {
        let text = format!(r#"{{"checksum":"c","to":[],"from":"","subject":"{subject}","timestamp":1,"content":{content}}}"#);
        read(&text).unwrap().answer
    };
    let registered = answer("register", r#"{"status":1,"orginTime":5,"processTime":2}"#).unwrap();
    assert_eq!((registered.status, registered.origin_time_ms, registered.process_time_ms), (Some(1.0), Some(5.0), Some(2.0)));
    let found = answer("query", r#"{"status":200,"originTime":5,"peer":{"name":"\udfff"},"index":0,"total":3}"#).unwrap();
    assert_eq!((found.peer.unwrap().as_str(), found.total), (r#"{"name":"\udfff"}"#, Some(3.0)));
    for content in ["null", "5", "[]", "{}", r#"{"status":"1","peer":[],"originTime":null}"#] {
        assert_eq!(answer("find", content), Some(msr_client::Answered::default()), "{content}");
    }
    assert_eq!(answer("test", r#"{"status":1}"#), None);
}
