//! Each limit from both sides, each cross-field rule, and what the schema must catch.

use serde_json::{Value, json};

use super::{attachments, message_blocks, suggestions, view};

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn long(n: usize) -> String {
    "x".repeat(n)
}

fn option(text: &str, value: &str) -> Value {
    json!({"text": plain(text), "value": value})
}

fn modal(blocks: Value) -> Value {
    json!({"type": "modal", "title": plain("T"), "submit": plain("S"), "blocks": blocks})
}

fn input(element: Value) -> Value {
    json!({"type": "input", "block_id": "b", "label": plain("L"), "element": element})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

#[track_caller]
fn accepts(messages: Vec<String>) {
    assert!(messages.is_empty(), "refused: {messages:?}");
}

#[track_caller]
fn refuses(messages: Vec<String>, part: &str) {
    assert!(
        messages.iter().any(|m| m.contains(part)),
        "expected `{part}` in {messages:?}"
    );
}

#[test]
fn every_element_type_in_its_usual_form_is_accepted() {
    let options = json!([option("A", "a"), option("B", "b")]);
    for element in [
        json!({"type": "plain_text_input", "action_id": "a", "multiline": true, "max_length": 3000}),
        json!({"type": "number_input", "action_id": "a", "is_decimal_allowed": false, "min_value": "1"}),
        json!({"type": "email_text_input", "action_id": "a"}),
        json!({"type": "url_text_input", "action_id": "a"}),
        json!({"type": "rich_text_input", "action_id": "a"}),
        json!({"type": "static_select", "action_id": "a", "options": options, "initial_option": option("B", "b")}),
        json!({"type": "static_select", "action_id": "a", "option_groups": [{"label": plain("G"), "options": options}]}),
        json!({"type": "multi_static_select", "action_id": "a", "options": options, "max_selected_items": 2}),
        json!({"type": "external_select", "action_id": "a", "min_query_length": 0}),
        json!({"type": "multi_external_select", "action_id": "a"}),
        json!({"type": "users_select", "action_id": "a", "initial_user": "U1", "placeholder": plain("Who?")}),
        json!({"type": "multi_users_select", "action_id": "a"}),
        json!({"type": "conversations_select", "action_id": "a", "default_to_current_conversation": true}),
        json!({"type": "channels_select", "action_id": "a"}),
        json!({"type": "checkboxes", "action_id": "a", "options": options}),
        json!({"type": "radio_buttons", "action_id": "a", "options": options}),
        json!({"type": "datepicker", "action_id": "a", "initial_date": "2026-02-28"}),
        json!({"type": "timepicker", "action_id": "a", "initial_time": "23:59"}),
        json!({"type": "datetimepicker", "action_id": "a"}),
    ] {
        accepts(view(&modal(json!([input(element)])), "modal"));
    }
    accepts(message_blocks(&[
        section("hi"),
        json!({"type": "header", "text": plain("H")}),
        json!({"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}]}),
        json!({"type": "divider"}),
        json!({"type": "section", "fields": [plain("f")], "accessory": {"type": "overflow", "action_id": "o", "options": options}}),
        json!({"type": "actions", "elements": [
            {"type": "button", "action_id": "1", "text": plain("Go"), "style": "primary", "confirm": {
                "title": plain("t"), "text": plain("t"), "confirm": plain("y"), "deny": plain("n")}},
            {"type": "users_select", "action_id": "2"}]}),
        json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}),
    ]));
}

#[test]
fn structure_is_checked_down_to_the_last_element() {
    refuses(
        view(&json!({"type": "modal", "title": plain("T")}), "modal"),
        "\"blocks\" is a required property",
    );
    refuses(
        view(&json!({"type": "home", "blocks": []}), "modal"),
        "unsupported type: home",
    );
    let typo = json!({"type": "modal", "title": plain("T"), "blocks": [], "private_metdata": "x"});
    refuses(view(&typo, "modal"), "private_metdata");
    refuses(
        message_blocks(&[json!({"type": "sektion"})]),
        "unsupported type: sektion [json-pointer:/blocks/0/type]",
    );
    refuses(
        message_blocks(&[json!({"type": "section", "text": "bare"})]),
        "/blocks/0/text",
    );
    let typo = json!({"type": "actions", "elements": [{"type": "button", "action_id": "a", "txt": plain("x")}]});
    refuses(message_blocks(&[typo]), "/blocks/0/elements/0");
    let bare = json!({"type": "section", "text": {"type": "markdown", "text": "x"}});
    refuses(message_blocks(&[bare]), "/blocks/0/text");
    refuses(
        view(
            &modal(json!([input(
                json!({"type": "button", "text": plain("x")})
            )])),
            "modal",
        ),
        "unsupported type: button",
    );
    let misplaced =
        json!({"type": "actions", "elements": [{"type": "plain_text_input", "action_id": "a"}]});
    refuses(
        message_blocks(&[misplaced]),
        "unsupported type: plain_text_input",
    );
    let number = json!({"type": "number_input", "action_id": "a", "is_decimal_allowed": false, "min_value": 1});
    refuses(
        view(&modal(json!([input(number)])), "modal"),
        "/view/blocks/0/element/min_value",
    );
}

#[test]
fn lengths_are_refused_one_past_the_limit() {
    for (n, fits) in [(24, true), (25, false)] {
        let mut v = modal(json!([]));
        v["title"] = plain(&long(n));
        assert_eq!(view(&v, "modal").is_empty(), fits, "title of {n}");
    }
    let mut v = modal(json!([]));
    v["title"] = plain(&long(25));
    refuses(
        view(&v, "modal"),
        "must be less than 25 characters [json-pointer:/view/title/text]",
    );
    type Check = fn(usize) -> Vec<String>;
    let cases: [(usize, Check); 12] = [
        (3000, |n| message_blocks(&[section(&long(n))])),
        (150, |n| {
            message_blocks(&[json!({"type": "header", "text": plain(&long(n))})])
        }),
        (2000, |n| {
            message_blocks(&[json!({"type": "section", "fields": [plain(&long(n))]})])
        }),
        (255, |n| {
            message_blocks(&[json!({"type": "divider", "block_id": long(n)})])
        }),
        (75, |n| {
            button(json!({"type": "button", "action_id": "a", "text": plain(&long(n))}))
        }),
        (2000, |n| {
            button(
                json!({"type": "button", "action_id": "a", "text": plain("x"), "value": long(n)}),
            )
        }),
        (255, |n| {
            button(json!({"type": "button", "action_id": long(n), "text": plain("x")}))
        }),
        (75, |n| select(json!([option(&long(n), "v")]))),
        (75, |n| select(json!([option("t", &long(n))]))),
        (150, |n| {
            in_modal(
                json!({"type": "plain_text_input", "action_id": "a", "placeholder": plain(&long(n))}),
            )
        }),
        (3000, |n| {
            in_modal(
                json!({"type": "plain_text_input", "action_id": "a", "initial_value": long(n)}),
            )
        }),
        (3000, |n| {
            let mut v = modal(json!([]));
            v["private_metadata"] = json!(long(n));
            view(&v, "modal")
        }),
    ];
    for (i, (limit, check)) in cases.iter().enumerate() {
        accepts(check(*limit));
        refuses(check(limit + 1), "must be less than");
        assert!(check(limit + 1).len() == 1, "case {i} says one thing");
    }
}

fn button(element: Value) -> Vec<String> {
    message_blocks(&[json!({"type": "actions", "elements": [element]})])
}

fn select(options: Value) -> Vec<String> {
    in_modal(json!({"type": "static_select", "action_id": "a", "options": options}))
}

fn in_modal(element: Value) -> Vec<String> {
    view(&modal(json!([input(element)])), "modal")
}

#[test]
fn counts_are_refused_one_past_the_limit() {
    let many = |n: usize, item: &dyn Fn(usize) -> Value| Value::Array((0..n).map(item).collect());
    let divider = |_: usize| json!({"type": "divider"});
    let blocks = |n| (0..n).map(divider).collect::<Vec<_>>();
    accepts(message_blocks(&blocks(50)));
    refuses(
        message_blocks(&blocks(51)),
        "no more than 50 items allowed [json-pointer:/blocks]",
    );
    accepts(view(&modal(many(100, &divider)), "modal"));
    refuses(
        view(&modal(many(101, &divider)), "modal"),
        "no more than 100 items",
    );
    let opt = |i: usize| option(&format!("o{i}"), &format!("v{i}"));
    accepts(select(many(100, &opt)));
    refuses(select(many(101, &opt)), "no more than 100 items");
    refuses(select(json!([])), "no fewer than 1 items");
    refuses(
        in_modal(json!({"type": "checkboxes", "action_id": "a", "options": many(11, &opt)})),
        "no more than 10",
    );
    refuses(
        in_modal(json!({"type": "radio_buttons", "action_id": "a", "options": many(11, &opt)})),
        "no more than 10",
    );
    refuses(
        button(json!({"type": "overflow", "action_id": "a", "options": many(6, &opt)})),
        "no more than 5",
    );
    let fields = many(11, &|_| plain("f"));
    refuses(
        message_blocks(&[json!({"type": "section", "fields": fields})]),
        "no more than 10",
    );
    let elements = many(
        26,
        &|i| json!({"type": "button", "action_id": i.to_string(), "text": plain("x")}),
    );
    refuses(
        message_blocks(&[json!({"type": "actions", "elements": elements})]),
        "no more than 25",
    );
    refuses(
        message_blocks(&[json!({"type": "actions", "elements": []})]),
        "no fewer than 1",
    );
    let elements = many(11, &|_| plain("x"));
    refuses(
        message_blocks(&[json!({"type": "context", "elements": elements})]),
        "no more than 10",
    );
}

#[test]
fn ids_and_option_values_are_unique() {
    let twice = json!({"type": "divider", "block_id": "same"});
    refuses(
        message_blocks(&[twice.clone(), twice]),
        "block_id `same` already exists",
    );
    let b = json!({"type": "button", "action_id": "a", "text": plain("x")});
    refuses(
        message_blocks(&[json!({"type": "actions", "block_id": "b", "elements": [b, b]})]),
        "action_id `a` already exists",
    );
    let in_two_blocks = |id: &str| json!({"type": "actions", "block_id": id, "elements": [b]});
    accepts(message_blocks(&[in_two_blocks("1"), in_two_blocks("2")]));
    refuses(
        select(json!([option("A", "a"), option("B", "a")])),
        "option value `a` already exists",
    );
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let without_submit = json!({"type": "modal", "title": plain("T"),
        "blocks": [input(json!({"type": "plain_text_input", "action_id": "a"}))]});
    refuses(view(&without_submit, "modal"), "submit");
    refuses(
        message_blocks(&[json!({"type": "section"})]),
        "missing required field: text",
    );
    refuses(
        in_modal(json!({"type": "static_select", "action_id": "a"})),
        "missing required field: options",
    );
    let both = json!({"type": "static_select", "action_id": "a", "options": [option("A", "a")],
        "option_groups": [{"label": plain("G"), "options": [option("A", "a")]}]});
    refuses(in_modal(both), "only one of options and option_groups");
    let elsewhere = json!({"type": "static_select", "action_id": "a", "options": [option("A", "a")],
        "initial_option": option("B", "b")});
    refuses(
        in_modal(elsewhere),
        "initial_option is not one of the options",
    );
    let half = json!({"type": "button", "action_id": "a", "text": plain("x"), "confirm": {"text": plain("Sure?")}});
    refuses(button(half), "missing required field: title");
    let turned =
        json!({"type": "plain_text_input", "action_id": "a", "min_length": 5, "max_length": 4});
    refuses(in_modal(turned), "min_length must not be greater");
    refuses(
        in_modal(json!({"type": "plain_text_input", "action_id": "a", "max_length": 3001})),
        "between 1 and 3000",
    );
    let turned = json!({"type": "number_input", "action_id": "a", "is_decimal_allowed": true, "min_value": "2", "max_value": "1"});
    refuses(in_modal(turned), "min_value must not be greater");
    refuses(
        in_modal(json!({"type": "datepicker", "action_id": "a", "initial_date": "28.2.2026"})),
        "YYYY-MM-DD",
    );
    let focus = |id: &str| {
        json!({"type": "input", "block_id": id, "label": plain("L"),
        "element": {"type": "plain_text_input", "action_id": "a", "focus_on_load": true}})
    };
    refuses(
        view(&modal(json!([focus("1"), focus("2")])), "modal"),
        "focus_on_load",
    );
}

#[test]
fn a_message_may_not_say_too_much_in_all() {
    let blocks: Vec<Value> = (0..5).map(|_| section(&long(2_700))).collect();
    refuses(message_blocks(&blocks), "all text of the blocks");
    accepts(message_blocks(&blocks[..4]));
}

#[test]
fn suggestions_are_options_too() {
    accepts(suggestions(&json!({"options": []})));
    accepts(suggestions(&json!({"options": [option("A", "a")]})));
    refuses(
        suggestions(&json!({"options": [option(&long(76), "a")]})),
        "must be less than 76",
    );
    refuses(suggestions(&json!({})), "either options or option_groups");
}

#[test]
fn urls_and_times_are_what_they_are_called() {
    let link = |url: &str| {
        button(json!({"type": "button", "action_id": "a", "text": plain("x"), "url": url}))
    };
    accepts(link("https://example.com/x?y=z"));
    refuses(link("foo"), "must have the form of a URL");
    let image =
        |url: &str| message_blocks(&[json!({"type": "image", "alt_text": "x", "image_url": url})]);
    accepts(image("https://example.com/x.png"));
    refuses(image("x"), "must have the form of a URL");
    let moment = |seconds: i64| {
        in_modal(json!({"type": "datetimepicker", "action_id": "a", "initial_date_time": seconds}))
    };
    accepts(moment(1_628_633_820));
    refuses(moment(5), "must have 10 digits");
    refuses(moment(1_628_633_820_000), "must have 10 digits");
}

#[test]
fn menus_of_several_options_are_not_in_actions() {
    let menu = json!({"type": "multi_users_select", "action_id": "a"});
    refuses(button(menu.clone()), "unsupported type: multi_users_select");
    accepts(message_blocks(&[
        json!({"type": "section", "text": plain("x"), "accessory": menu}),
    ]));
}

#[test]
fn blocks_in_attachments_are_blocks() {
    let with = |block: Value| attachments(&json!([{"text": "old"}, {"blocks": [block]}]));
    accepts(with(json!({"type": "divider"})));
    let problems = with(json!({"type": "header", "text": plain(&long(151))}));
    assert!(
        problems[0].contains("/attachments/1/blocks/0"),
        "{problems:?}"
    );
}
