//! Modals: the flow picker, a flow's form, and pages that only say something. Domain values in, view JSON out, purely.
//!
//! What a form asks is decided in [`super::question`]; reading it back is [`super::form`]'s. Called by the engine, which opens
//! and updates the views.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use slack_morphism::prelude::*;

use super::form;
use super::kit::{context, json, plain, section};
use super::limits;
use super::question::{self, Choice, Question, Topic, Widget};
use super::text;
use super::view::{FlowChoice, FormMetadata, FormView, ids};
use crate::domain::field::FieldType;

/// What a modal is called until it is known what it is about.
const TITLE: &str = "New request";
/// Bytes of a view that labels, and that defaults, may use together; the rest of [`limits::VIEW_BYTES`] is for options.
const LABEL_BYTES: usize = 50_000;
const DEFAULT_BYTES: usize = 50_000;
/// Bytes that the picker's options may use, with room for everything around them.
const PICKER_BYTES: usize = limits::VIEW_BYTES - 20_000;

/// The flow picker: one dropdown with the labels of all flows. `note` stands above it, such as "There is no flow called X."
#[must_use]
pub fn flow_picker(choices: &[FlowChoice], metadata: &FormMetadata, note: Option<&str>) -> Value {
    if choices.is_empty() {
        let mut said = note.map(|note| format!("{note}\n")).unwrap_or_default();
        said.push_str(
            "There are no flows that you can start from Slack yet. \
             Ask whoever looks after Symbot here to add one.",
        );
        return message(TITLE, &said);
    }
    let lines: Vec<(String, String)> = choices.iter().map(line).collect();
    let mut seen = HashMap::new();
    for line in &lines {
        *seen.entry(line).or_insert(0) += 1;
    }
    let mut codes = HashSet::new();
    let options: Vec<Option_> = choices
        .iter()
        .zip(&lines)
        // Slack takes no view in which two options have one value.
        .filter(|(choice, _)| codes.insert(form::flow_code(choice)))
        .map(|(choice, line)| {
            let (label, mut description) = line.clone();
            if seen.get(line).is_some_and(|alike| *alike > 1)
                && let (Some(name), Some(_)) = (&choice.environment, &choice.environment_label)
            {
                description = format!("{description} ({name})");
            }
            Option_::new(
                plain(
                    text::or_else(&label, "(no name)"),
                    limits::OPTION_TEXT_CHARS,
                ),
                form::flow_code(choice),
            )
            .with_description(plain(
                text::or_else(&text::one_line(&description), "–"),
                limits::OPTION_TEXT_CHARS,
            ))
        })
        .collect();
    let listed = fitting(&options, PICKER_BYTES);
    let mut blocks = Vec::new();
    if let Some(note) = note.filter(|note| !note.trim().is_empty()) {
        blocks.push(section(note));
    }
    if listed < options.len() {
        blocks.push(section(&format!(
            "Only the first {listed} of {} flows fit here. For another one, type `/sym req` and its name.",
            options.len()
        )));
    }
    let (options, groups) = grouped(options.into_iter().take(listed).collect());
    blocks.push(
        SlackInputBlock::new(
            "What do you need?".into(),
            SlackBlockStaticSelectElement::new()
                .with_action_id(ids::PICKER.into())
                .with_placeholder("Choose a flow".into())
                .opt_options(options)
                .opt_option_groups(groups)
                .with_focus_on_load(true)
                .into(),
        )
        .with_block_id(ids::PICKER.into())
        .into(),
    );
    match metadata.encode() {
        Some(metadata) => view(TITLE, blocks, Some(("Next", ids::PICKER, metadata))),
        None => too_large(TITLE),
    }
}

/// What people see of a flow in the picker: its label, and its slug with what the environment is called.
fn line(choice: &FlowChoice) -> (String, String) {
    let label = text::one_line(text::or_else(&choice.label, &choice.name));
    let environment = choice
        .environment_label
        .as_ref()
        .or(choice.environment.as_ref());
    let slug = match environment {
        Some(environment) => format!("{} · {environment}", choice.name),
        None => choice.name.clone(),
    };
    (label, slug)
}

/// The form of a flow.
#[must_use]
pub fn form(form: &FormView<'_>) -> Value {
    let title = form.flow.title();
    let questions = question::questions_of(form.flow, form.state);
    if questions.iter().any(|question| {
        question.topic == Topic::Target && question.choices.as_ref().is_none_or(Vec::is_empty)
    }) {
        return message(
            title,
            "There is nothing to ask access to: the flow's strategy has no targets. \
             Please tell whoever looks after this flow.",
        );
    }
    let Some(metadata) = form.metadata.encode() else {
        return too_large(title);
    };
    let header = header(form);
    let visible: Vec<&Question<'_>> = questions
        .iter()
        .filter(|question| question.visible)
        .collect();
    if header.len() + visible.len() > limits::VIEW_BLOCKS {
        return message(
            title,
            &format!(
                "This flow asks {} questions, more than a Slack form can hold ({}). \
                 Please tell whoever looks after this flow.",
                visible.len(),
                limits::VIEW_BLOCKS - header.len()
            ),
        );
    }
    // Dropdowns of which a view cannot hold all options become text inputs, the longest first; what is typed there is
    // checked against the same values.
    let mut dropdowns: Vec<usize> = (0..visible.len())
        .filter(|index| {
            let question = visible[*index];
            matches!(question.widget, Widget::Select | Widget::MultiSelect) && !question.external
        })
        .collect();
    dropdowns.sort_by_key(|index| visible[*index].choices.as_ref().map_or(0, Vec::len));
    let mut typed = vec![false; visible.len()];
    loop {
        let mut blocks = header.clone();
        blocks.extend(
            visible
                .iter()
                .zip(&typed)
                .map(|(question, typed)| input(question, *typed, visible.len())),
        );
        let view = view(title, blocks, Some(("Submit", ids::FORM, metadata.clone())));
        if view.to_string().len() <= limits::VIEW_BYTES {
            return view;
        }
        match dropdowns.pop() {
            Some(longest) => typed[longest] = true,
            None => return too_large(title),
        }
    }
}

/// "Loading…", opened while the trigger is valid and updated once the form is ready.
#[must_use]
pub fn loading(title: &str) -> Value {
    view(title, vec![section("Loading…")], None)
}

/// Something went wrong; the code also stands in the log.
#[must_use]
pub fn error(title: &str, text: &str, code: &str) -> Value {
    let mut blocks = vec![section(&format!("⚠️ {text}"))];
    blocks.push(context(&format!(
        "Code {} – please pass it on when you ask for help.",
        text::escaped_within(code, 100)
    )));
    view(title, blocks, None)
}

/// A page that only says something. `text` is `mrkdwn` of ours: what people wrote is to be escaped before.
#[must_use]
pub fn message(title: &str, text: &str) -> Value {
    view(title, vec![section(text)], None)
}

/// The flow was changed or removed while its form was open.
#[must_use]
pub fn flow_changed(title: &str) -> Value {
    message(
        title,
        "This flow was changed while the form was open, so nothing was sent. \
         Please close this window and type `/sym` again.",
    )
}

fn too_large(title: &str) -> Value {
    message(
        title,
        "This form is larger than Slack allows. Please tell whoever looks after this flow.",
    )
}

fn header(form: &FormView<'_>) -> Vec<SlackBlock> {
    let mut greeting = format!(
        "Hi {}, you are requesting *{}*",
        text::escaped_within(
            text::or_else(&text::one_line(form.person_name), "there"),
            100
        ),
        text::escaped_within(&text::one_line(form.flow.title()), 200),
    );
    if let Some(environment) = form.environment {
        greeting.push_str(&format!(
            " in *{}*",
            text::escaped_within(&text::one_line(environment), 200)
        ));
    }
    greeting.push('.');
    let mut blocks = vec![section(&greeting)];
    if let Some(note) = &form.state.note {
        blocks.insert(0, section(note));
    }
    let header = form.state.header.as_ref();
    if let Some(more) = header
        .or(form.flow.params.additional_header_text.as_ref())
        .map(String::as_str)
        .filter(|more| !more.trim().is_empty())
    {
        // Slack markdown of the flow's author, who may use links and mentions here; a modal notifies nobody.
        blocks.push(
            SlackSectionBlock::new()
                .with_text(SlackBlockText::MarkDown(SlackBlockMarkDownText::new(
                    text::cut(more, limits::SECTION_TEXT_CHARS),
                )))
                .into(),
        );
    }
    blocks
}

/// One question as an input block. `typed`: as a text input although it has choices; `of`: number of questions.
fn input(question: &Question<'_>, typed: bool, of: usize) -> SlackBlock {
    let widget = if typed { Widget::Text } else { question.widget };
    let label_chars = (LABEL_BYTES / 4 / of.max(1)).clamp(75, limits::INPUT_LABEL_CHARS);
    SlackInputBlock::new(
        plain(&question.label, label_chars),
        element(question, widget, of),
    )
    .with_block_id(question.id.as_str().into())
    .opt_hint(hint(question, widget).map(SlackBlockPlainTextOnly::from))
    // A box that must be ticked would not be a question.
    .with_optional(!question.required || widget == Widget::Checkbox)
    .opt_dispatch_action(question.dispatches.then_some(true))
    .into()
}

fn element(question: &Question<'_>, widget: Widget, of: usize) -> SlackInputBlockElement {
    let id: SlackActionId = question.id.as_str().into();
    let default_bytes = (DEFAULT_BYTES / of.max(1)).min(limits::TEXT_INPUT_CHARS);
    // What `on_change` set comes before the flow's default, also when it emptied the field.
    let set = question.set.as_deref();
    let first = set.map(|set| set.first().map(String::as_str));
    let joined = set.map(|set| set.join(", "));
    let default = match &joined {
        Some(joined) => Some(joined.as_str()).filter(|text| !text.is_empty()),
        None => question.default,
    }
    .filter(|default| default.len() <= default_bytes);
    let chosen = first.unwrap_or(question.default);
    match widget {
        Widget::Text => SlackBlockPlainTextInputElement::new()
            .with_action_id(id)
            .opt_initial_value(default.map(str::to_owned))
            .with_max_length(limits::TEXT_INPUT_CHARS as u64)
            .into(),
        Widget::Number => SlackBlockNumberInputElement::new(false)
            .with_action_id(id)
            .opt_initial_value(
                default
                    .and_then(|default| default.trim().parse::<i64>().ok())
                    .map(|number| number.to_string()),
            )
            .into(),
        Widget::Checkbox => {
            let yes = || {
                SlackBlockChoiceItem::new(SlackBlockText::Plain("Yes".into()), "true".to_owned())
            };
            let ticked = chosen.and_then(text::parse_bool) == Some(true);
            SlackBlockCheckboxesElement::new(vec![yes()])
                .with_action_id(id)
                .opt_initial_options(ticked.then(|| vec![yes()]))
                .into()
        }
        Widget::Select => {
            let choices = question.choices.as_deref().unwrap_or_default();
            let initial = chosen.and_then(|value| {
                choices
                    .iter()
                    .find(|choice| choice.value == value || choice.text == value)
                    .map(option)
            });
            if question.external {
                return SlackBlockExternalSelectElement::new()
                    .with_action_id(id)
                    .with_placeholder("Type to search".into())
                    .with_min_query_length(0)
                    .opt_initial_option(initial)
                    .into();
            }
            let (options, groups) = grouped(choices.iter().map(option).collect());
            SlackBlockStaticSelectElement::new()
                .with_action_id(id)
                .with_placeholder("Choose one".into())
                .opt_options(options)
                .opt_option_groups(groups)
                .opt_initial_option(initial)
                .into()
        }
        Widget::MultiSelect => {
            let choices = question.choices.as_deref().unwrap_or_default();
            let initial: Vec<Option_> = choices
                .iter()
                .filter(|choice| set.is_some_and(|set| set.contains(&choice.value)))
                .map(option)
                .collect();
            let initial = Some(initial).filter(|initial| !initial.is_empty());
            if question.external {
                return SlackBlockMultiExternalSelectElement::new()
                    .with_action_id(id)
                    .with_placeholder("Type to search".into())
                    .with_min_query_length(0)
                    .opt_initial_options(initial)
                    .into();
            }
            let (options, groups) = grouped(choices.iter().map(option).collect());
            SlackBlockMultiStaticSelectElement::new()
                .with_action_id(id)
                .with_placeholder("Choose one or more".into())
                .opt_options(options)
                .opt_option_groups(groups)
                .opt_initial_options(initial)
                .into()
        }
        Widget::User => SlackBlockUsersSelectElement::new()
            .with_action_id(id)
            .with_placeholder("Choose a person".into())
            .opt_initial_user(set.and_then(|set| set.first().cloned()))
            .into(),
        Widget::Users => SlackBlockMultiUsersSelectElement::new()
            .with_action_id(id)
            .with_placeholder("Choose people".into())
            .opt_initial_users(
                set.map(<[String]>::to_vec)
                    .filter(|users| !users.is_empty()),
            )
            .into(),
    }
}

fn hint(question: &Question<'_>, widget: Widget) -> Option<&'static str> {
    if widget != Widget::Text {
        return None;
    }
    match question.topic {
        Topic::Field(FieldType::StrList | FieldType::IntList) => Some("Separate values by commas."),
        Topic::Field(FieldType::Duration) | Topic::AccessDuration => {
            Some("A number and a unit, such as 30m, 4h or 2d.")
        }
        _ if question.choices.is_some() => {
            Some("Type one of the allowed values: there are too many to list here.")
        }
        _ => None,
    }
}

/// slack-morphism's option with plain text.
type Option_ = SlackBlockChoiceItem<SlackBlockPlainTextOnly>;
type Options = (
    Option<Vec<Option_>>,
    Option<Vec<SlackBlockOptionGroup<SlackBlockPlainTextOnly>>>,
);

fn option(choice: &Choice) -> Option_ {
    SlackBlockChoiceItem::new(
        plain(&choice.text, limits::OPTION_TEXT_CHARS),
        choice.code.clone(),
    )
}

/// The answer to a menu that asks for options: the first that have `typed` in what people see.
#[must_use]
pub fn suggestions(choices: &[Choice], typed: &str) -> Value {
    let typed = typed.trim().to_lowercase();
    let options: Vec<Option_> = choices
        .iter()
        .filter(|choice| choice.text.to_lowercase().contains(&typed))
        .take(limits::OPTIONS)
        .map(option)
        .collect();
    serde_json::json!({ "options": json(&options) })
}

/// The answer to a menu of a form that the bot does not know any more.
#[must_use]
pub fn too_old_to_suggest() -> Value {
    let choice = Choice {
        code: "-".to_owned(),
        text: "This form is too old: close it and type /sym again".to_owned(),
        value: String::new(),
    };
    serde_json::json!({ "options": json(&vec![option(&choice)]) })
}

/// Number of options from the front that fit into so many bytes and into a grouped select.
fn fitting(options: &[Option_], bytes: usize) -> usize {
    let mut used = 0;
    options
        .iter()
        .take(limits::OPTIONS * limits::OPTION_GROUPS)
        .take_while(|option| {
            used += json(option).to_string().len() + 1;
            used <= bytes
        })
        .count()
}

/// Up to 100 options as they are, more in groups that say where they begin and end.
fn grouped(options: Vec<Option_>) -> Options {
    if options.len() <= limits::OPTIONS {
        return (Some(options), None);
    }
    let groups = options
        .chunks(limits::OPTIONS)
        .map(|chunk| {
            let words = |option: Option<&Option_>| {
                option.map_or_else(String::new, |option| match option.text.clone().into() {
                    SlackBlockText::Plain(plain) => text::cut(&plain.text, 34),
                    SlackBlockText::MarkDown(text) => text::cut(&text.text, 34),
                })
            };
            let label = format!("{} – {}", words(chunk.first()), words(chunk.last()));
            SlackBlockOptionGroup::new(plain(&label, limits::OPTION_TEXT_CHARS), chunk.to_vec())
        })
        .collect();
    (None, Some(groups))
}

/// A modal; `submit` is the button's text, the `callback_id` and the metadata.
fn view(title: &str, blocks: Vec<SlackBlock>, submit: Option<(&str, &str, String)>) -> Value {
    let title = text::one_line(title);
    let modal = SlackModalView::new(
        plain(text::or_else(&title, TITLE), limits::VIEW_TITLE_CHARS),
        blocks,
    );
    let modal = match submit {
        Some((button, callback, metadata)) => modal
            .with_submit(button.into())
            .with_close("Cancel".into())
            .with_callback_id(callback.into())
            .with_private_metadata(metadata),
        None => modal.with_close("Close".into()),
    };
    json(&SlackView::Modal(modal))
}
