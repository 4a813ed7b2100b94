//! Escaping, cutting, durations.

use proptest::prelude::*;

use crate::slack::text::{
    cut, cut_bytes, duration_words, escaped, escaped_within, linked_within, parse_bool,
    parse_duration,
};

#[test]
fn control_characters_of_slack_are_escaped() {
    assert_eq!(escaped("a < b && c > d"), "a &lt; b &amp;&amp; c &gt; d");
}

#[test]
fn a_cut_never_falls_inside_an_entity_or_a_link() {
    assert_eq!(escaped_within("&&", 10), "&amp;&amp;");
    assert_eq!(escaped_within("&&", 9), "&amp;…");
    assert_eq!(escaped_within("&&", 5), "…");
    assert_eq!(escaped_within("ab", 2), "ab");
    assert_eq!(escaped_within("abc", 2), "a…");
    assert_eq!(escaped_within("abc", 0), "");
    assert_eq!(
        linked_within("go https://x.example/1", 24),
        "go <https://x.example/1>"
    );
    assert_eq!(linked_within("go https://x.example/1", 23), "go …");
}

#[test]
fn web_addresses_link_to_themselves_only() {
    assert_eq!(
        linked_within("https://a.example/?x=1&y=2", 99),
        "<https://a.example/?x=1&amp;y=2>"
    );
    for not_linked in ["https://", "javascript:x", "https://a|b", "xhttps://a"] {
        assert_eq!(linked_within(not_linked, 99), not_linked);
    }
}

#[test]
fn durations_in_words_and_back() {
    for (text, seconds, words) in [
        ("30s", 30, "30 seconds"),
        ("1m", 60, "1 minute"),
        ("90m", 5400, "1 hour 30 minutes"),
        ("1h", 3600, "1 hour"),
        ("1d", 86_400, "1 day"),
        ("1mo", 2_592_000, "30 days"),
    ] {
        assert_eq!(parse_duration(text), Some(seconds), "{text}");
        assert_eq!(duration_words(seconds), words);
    }
    for bad in [
        "",
        "5",
        "h",
        "0s",
        "-5m",
        "1.5h",
        "5 weeks",
        "1h30m",
        "99999999999999999999s",
        "18446744073709551615d",
    ] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
}

#[test]
fn booleans_as_configurations_write_them() {
    assert_eq!(parse_bool(" True "), Some(true));
    assert_eq!(parse_bool("f"), Some(false));
    assert_eq!(parse_bool("maybe"), None);
}

proptest! {
    #[test]
    fn cutting_keeps_to_the_limit(text in "\\PC*", limit in 0_usize..40) {
        prop_assert!(cut(&text, limit).chars().count() <= limit);
        prop_assert!(cut_bytes(&text, limit).len() <= limit);
        prop_assert!(escaped_within(&text, limit).chars().count() <= limit);
        prop_assert!(linked_within(&text, limit).chars().count() <= limit);
    }

    #[test]
    fn what_fits_is_not_changed(text in "[a-z é🚀]{0,30}") {
        prop_assert_eq!(&cut(&text, 30), &text);
        prop_assert_eq!(&escaped_within(&text, 30), &text);
        prop_assert_eq!(&linked_within(&text, 30), &text);
    }

    #[test]
    fn nothing_that_people_write_becomes_a_control_sequence(text in ".*") {
        let safe = escaped(&text);
        prop_assert!(!safe.contains(['<', '>']));
    }
}
