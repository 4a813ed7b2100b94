//! Rules for elements: buttons, menus, inputs, and the parts they are made of.

use std::collections::HashSet;

use serde_json::Value;

use super::Problems;
use super::rules::{ID_CHARS, chars, count, list, text};
use crate::blocks::options;

const PLACEHOLDER_CHARS: usize = 150;
const PLAIN_INPUT_CHARS: u64 = 3_000;
const BUTTON_TEXT_CHARS: usize = 75;
const BUTTON_VALUE_CHARS: usize = 2_000;
const URL_CHARS: usize = 3_000;
const OPTION_TEXT_CHARS: usize = 75;
/// Sources say 75 or 150; the stricter one is safe.
const OPTION_VALUE_CHARS: usize = 75;
const OPTIONS: usize = 100;
const BOXES: usize = 10;
const OVERFLOW_OPTIONS: usize = 5;
const CONFIRM_TITLE_CHARS: usize = 100;
const CONFIRM_TEXT_CHARS: usize = 300;
const CONFIRM_BUTTON_CHARS: usize = 30;
const ALT_TEXT_CHARS: usize = 2_000;

pub(super) fn one_element(problems: &mut Problems, at: &str, element: &Value) {
    let kind = element["type"].as_str().unwrap_or_default();
    if element.get("action_id").is_some() {
        chars(
            problems,
            &format!("{at}/action_id"),
            &element["action_id"],
            1,
            ID_CHARS,
        );
    }
    if element["placeholder"].is_object() {
        text(
            problems,
            &format!("{at}/placeholder"),
            &element["placeholder"],
            1,
            PLACEHOLDER_CHARS,
        );
    }
    if element["confirm"].is_object() {
        confirm(problems, &format!("{at}/confirm"), &element["confirm"]);
    }
    match kind {
        "button" | "workflow_button" => {
            text(
                problems,
                &format!("{at}/text"),
                &element["text"],
                1,
                BUTTON_TEXT_CHARS,
            );
            chars(
                problems,
                &format!("{at}/value"),
                &element["value"],
                0,
                BUTTON_VALUE_CHARS,
            );
            chars(
                problems,
                &format!("{at}/url"),
                &element["url"],
                1,
                URL_CHARS,
            );
            pattern(problems, at, element, "url", is_url, "of a URL");
            chars(
                problems,
                &format!("{at}/accessibility_label"),
                &element["accessibility_label"],
                1,
                BUTTON_TEXT_CHARS,
            );
        }
        "image" => image(problems, at, element),
        "static_select" | "multi_static_select" => menu(problems, at, element),
        "checkboxes" | "radio_buttons" => {
            count(
                problems,
                &format!("{at}/options"),
                &element["options"],
                1,
                BOXES,
            );
            option_list(problems, &format!("{at}/options"), &element["options"]);
            initial_options(problems, at, element);
        }
        "overflow" => {
            count(
                problems,
                &format!("{at}/options"),
                &element["options"],
                1,
                OVERFLOW_OPTIONS,
            );
            option_list(problems, &format!("{at}/options"), &element["options"]);
        }
        "plain_text_input" | "email_text_input" | "url_text_input" => {
            input_lengths(problems, at, element)
        }
        "number_input" => number_input(problems, at, element),
        "external_select" | "multi_external_select" => {
            for (i, option) in list(&element["initial_options"]).iter().enumerate() {
                one_option(problems, &format!("{at}/initial_options/{i}"), option);
            }
            if element["initial_option"].is_object() {
                one_option(
                    problems,
                    &format!("{at}/initial_option"),
                    &element["initial_option"],
                );
            }
        }
        "datepicker" => pattern(problems, at, element, "initial_date", is_date, "YYYY-MM-DD"),
        "timepicker" => pattern(problems, at, element, "initial_time", is_time, "HH:mm"),
        "datetimepicker" => date_time(problems, at, element),
        _ => {}
    }
    if let Some(most) = element["max_selected_items"].as_u64()
        && most < 1
    {
        problems.add(
            &format!("{at}/max_selected_items"),
            "must be greater than 0",
        );
    }
}

fn menu(problems: &mut Problems, at: &str, element: &Value) {
    let (has_options, has_groups) = (
        element["options"].is_array(),
        element["option_groups"].is_array(),
    );
    match (has_options, has_groups) {
        (false, false) => problems.add(at, "missing required field: options"),
        (true, true) => problems.add(at, "only one of options and option_groups is allowed"),
        (true, false) => {
            count(
                problems,
                &format!("{at}/options"),
                &element["options"],
                1,
                OPTIONS,
            );
            option_list(problems, &format!("{at}/options"), &element["options"]);
        }
        (false, true) => option_groups(
            problems,
            &format!("{at}/option_groups"),
            &element["option_groups"],
        ),
    }
    initial_options(problems, at, element);
}

fn option_groups(problems: &mut Problems, at: &str, groups: &Value) {
    count(problems, at, groups, 1, OPTIONS);
    for (i, group) in list(groups).iter().enumerate() {
        text(
            problems,
            &format!("{at}/{i}/label"),
            &group["label"],
            1,
            OPTION_TEXT_CHARS,
        );
        count(
            problems,
            &format!("{at}/{i}/options"),
            &group["options"],
            1,
            OPTIONS,
        );
        option_list(problems, &format!("{at}/{i}/options"), &group["options"]);
    }
}

/// Initial options must be among the options, exactly as they stand there.
fn initial_options(problems: &mut Problems, at: &str, element: &Value) {
    let all = options(element);
    let offered = |option: &Value| {
        all.iter()
            .any(|o| o["value"] == option["value"] && o["text"]["text"] == option["text"]["text"])
    };
    if element["initial_option"].is_object() && !offered(&element["initial_option"]) {
        problems.add(
            &format!("{at}/initial_option"),
            "initial_option is not one of the options",
        );
    }
    if let Some(initial) = element["initial_options"].as_array() {
        if initial.is_empty() {
            problems.add(
                &format!("{at}/initial_options"),
                "no fewer than 1 items allowed",
            );
        }
        for (i, option) in initial.iter().enumerate() {
            if !offered(option) {
                problems.add(
                    &format!("{at}/initial_options/{i}"),
                    "initial option is not one of the options",
                );
            }
        }
    }
}

fn option_list(problems: &mut Problems, at: &str, options: &Value) {
    let mut values = HashSet::new();
    for (i, option) in list(options).iter().enumerate() {
        one_option(problems, &format!("{at}/{i}"), option);
        if let Some(value) = option["value"].as_str()
            && !values.insert(value)
        {
            problems.add(
                &format!("{at}/{i}/value"),
                format!("option value `{value}` already exists"),
            );
        }
    }
}

fn one_option(problems: &mut Problems, at: &str, option: &Value) {
    text(
        problems,
        &format!("{at}/text"),
        &option["text"],
        1,
        OPTION_TEXT_CHARS,
    );
    if option["url"].is_string() {
        chars(problems, &format!("{at}/url"), &option["url"], 1, URL_CHARS);
    } else if !option["value"].is_string() {
        problems.add(at, "missing required field: value");
    }
    chars(
        problems,
        &format!("{at}/value"),
        &option["value"],
        1,
        OPTION_VALUE_CHARS,
    );
    if option["description"].is_object() {
        text(
            problems,
            &format!("{at}/description"),
            &option["description"],
            1,
            OPTION_TEXT_CHARS,
        );
    }
}

/// All four parts are needed.
fn confirm(problems: &mut Problems, at: &str, confirm: &Value) {
    for (key, most) in [
        ("title", CONFIRM_TITLE_CHARS),
        ("text", CONFIRM_TEXT_CHARS),
        ("confirm", CONFIRM_BUTTON_CHARS),
        ("deny", CONFIRM_BUTTON_CHARS),
    ] {
        if confirm[key].is_object() {
            text(problems, &format!("{at}/{key}"), &confirm[key], 1, most);
        } else {
            problems.add(at, format!("missing required field: {key}"));
        }
    }
}

fn input_lengths(problems: &mut Problems, at: &str, element: &Value) {
    let (least, most) = (
        element["min_length"].as_u64(),
        element["max_length"].as_u64(),
    );
    if least.is_some_and(|n| n > PLAIN_INPUT_CHARS) {
        problems.add(
            &format!("{at}/min_length"),
            format!("must be less than {}", PLAIN_INPUT_CHARS + 1),
        );
    }
    if most.is_some_and(|n| n == 0 || n > PLAIN_INPUT_CHARS) {
        problems.add(
            &format!("{at}/max_length"),
            format!("must be between 1 and {PLAIN_INPUT_CHARS}"),
        );
    }
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        problems.add(at, "min_length must not be greater than max_length");
    }
    let allowed = most.unwrap_or(PLAIN_INPUT_CHARS) as usize;
    chars(
        problems,
        &format!("{at}/initial_value"),
        &element["initial_value"],
        0,
        allowed,
    );
}

fn number_input(problems: &mut Problems, at: &str, element: &Value) {
    let number = |key: &str| element[key].as_str().map(str::parse::<f64>);
    for key in ["min_value", "max_value", "initial_value"] {
        if matches!(number(key), Some(Err(_))) {
            problems.add(&format!("{at}/{key}"), "must be a number");
        }
    }
    if let (Some(Ok(least)), Some(Ok(most))) = (number("min_value"), number("max_value"))
        && least > most
    {
        problems.add(at, "min_value must not be greater than max_value");
    }
    if element["is_decimal_allowed"] == false
        && element["initial_value"]
            .as_str()
            .is_some_and(|v| v.contains('.'))
    {
        problems.add(&format!("{at}/initial_value"), "must be a whole number");
    }
}

/// Slack: "a UNIX timestamp in seconds … in the format of 10 digits".
fn date_time(problems: &mut Problems, at: &str, element: &Value) {
    if let Some(seconds) = element["initial_date_time"].as_i64()
        && !(1_000_000_000..=9_999_999_999).contains(&seconds)
    {
        problems.add(&format!("{at}/initial_date_time"), "must have 10 digits");
    }
}

pub(super) fn image(problems: &mut Problems, at: &str, image: &Value) {
    chars(
        problems,
        &format!("{at}/alt_text"),
        &image["alt_text"],
        1,
        ALT_TEXT_CHARS,
    );
    chars(
        problems,
        &format!("{at}/image_url"),
        &image["image_url"],
        1,
        URL_CHARS,
    );
    pattern(problems, at, image, "image_url", is_url, "of a URL");
    if !image["image_url"].is_string() && !image["slack_file"].is_object() {
        problems.add(at, "missing required field: image_url");
    }
}

pub(super) fn suggestions(problems: &mut Problems, answer: &Value) {
    match (
        answer["options"].is_array(),
        answer["option_groups"].is_array(),
    ) {
        (true, false) => {
            if list(&answer["options"]).len() > OPTIONS {
                problems.add("/options", format!("no more than {OPTIONS} items allowed"));
            }
            option_list(problems, "/options", &answer["options"]);
        }
        (false, true) => option_groups(problems, "/option_groups", &answer["option_groups"]),
        _ => problems.add("", "either options or option_groups is needed"),
    }
}

fn pattern(
    problems: &mut Problems,
    at: &str,
    element: &Value,
    key: &str,
    fits: fn(&str) -> bool,
    form: &str,
) {
    if let Some(value) = element[key].as_str()
        && !fits(value)
    {
        problems.add(&format!("{at}/{key}"), format!("must have the form {form}"));
    }
}

fn is_date(s: &str) -> bool {
    s.len() == 10 && chrono::NaiveDate::parse_from_str(s, "%Y-%m-%d").is_ok()
}

fn is_time(s: &str) -> bool {
    s.len() == 5 && chrono::NaiveTime::parse_from_str(s, "%H:%M").is_ok()
}

fn is_url(s: &str) -> bool {
    url::Url::parse(s).is_ok()
}
