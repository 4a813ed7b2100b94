//! Requests that `on_prompt` makes instead of showing the form: `ApprovalTemplate.request(…)`, `.approve(…)`, `.deny(…)`.
//!
//! Keywords that are prompt fields are read as the form would read them, and shown with the request; what is not given has its default or is
//! absent. Prefetch reducers are not asked, since no form is shown: what is given for their fields is taken as it is. Target and duration
//! come from `target_srn` and `duration`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::calls::wrong_result;
use super::prompts::{ON_PROMPT, Prepared};
use super::{Applied, Engine};
use crate::domain::event::Submission;
use crate::domain::field::FieldType;
use crate::domain::hook::{EventName, Fire, in_words};
use crate::domain::permission::Verdict;
use crate::domain::person::Person;
use crate::flows::catalog::Flow;
use crate::policy::types::HandlerFailure;
use crate::slack::live::{FieldState, FormState, StateOption};
use crate::slack::question::{DURATION_FIELD, Question, TARGET_FIELD, Topic, questions_of};
use crate::slack::view::FormMetadata;
use crate::slack::{answer, form, limits, modal, text};

impl Engine {
    /// Makes the request, with the event that the hook fired as its first; says so where the form would be.
    ///
    /// # Errors
    /// What the hook gave cannot be a request of this flow.
    pub(super) async fn without_form(
        self: &Arc<Self>,
        flow: &Arc<Flow>,
        person: &Person,
        metadata: &FormMetadata,
        chain: Vec<EventName>,
        mut fire: Fire,
    ) -> Result<Prepared, HandlerFailure> {
        self.find_people(flow, &mut fire).await?;
        let read = given(flow, &fire)?;
        let access_questions = form::access_questions(flow, &FormState::default(), &read.fields);
        // Handlers see them as what they were read to be.
        let event = fire.event;
        fire.fields.retain(|name, _| {
            is_of_the_decision(event, name) || !read.fields.iter().any(|field| field.name == *name)
        });
        let words = match fire.event.verdict() {
            None => {
                "Your request was made: the flow asked for nothing more. You will be told here what comes of it."
            }
            Some(Verdict::Approve | Verdict::Deny) => {
                "The flow has decided this by itself. You will be told here what comes of it."
            }
        };
        let submitted = async {
            let pinned = self.pin(flow).await.map_err(|error| error.to_string())?;
            let submission = Submission {
                id: metadata.run.unwrap_or_else(uuid::Uuid::new_v4),
                flow: pinned,
                workspace: self.outside.directory.home().team_id.clone(),
                requester: person.to_ref(),
                source: metadata.source.clone(),
                fields: read.fields,
                target: fire.target.clone(),
                duration_seconds: fire.duration_seconds,
                access_questions,
                context: None,
                parent: metadata.parent,
            };
            self.submit_fired(submission, chain, fire)
                .await
                .map_err(|error| error.to_string())
        };
        let view = match submitted.await {
            Ok(Applied::Changed { .. } | Applied::Duplicate) => modal::message(flow.title(), words),
            Ok(Applied::Unknown | Applied::Unchanged) => {
                modal::message(flow.title(), &answer::unknown_request())
            }
            Err(error) => modal::message(
                flow.title(),
                &self.trouble("It is not certain whether your request was saved.", &error),
            ),
        };
        Ok(Prepared {
            view,
            is_form: false,
        })
    }

    /// Puts Slack ids where the hook gave people for fields of people: a `User`, an address, or what `slack.user(…)` holds.
    async fn find_people(&self, flow: &Flow, fire: &mut Fire) -> Result<(), HandlerFailure> {
        let event = fire.event;
        let of_people = flow.prompt_fields.iter().filter(|field| {
            matches!(
                field.field_type,
                FieldType::SlackUser | FieldType::SlackUserList
            )
        });
        for field in of_people {
            let people: Vec<&mut Value> = match fire.fields.get_mut(&field.name) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(people)) => people.iter_mut().collect(),
                Some(one) => vec![one],
            };
            for person in people {
                let found = match words_for(person) {
                    Words::Id(id) => Some(id),
                    Words::Address(email) => {
                        let known = self.outside.directory.person_by_email(&email).await;
                        let known = known.map_err(|error| {
                            let what =
                                format!("its {} could not be looked up: {error}", field.name);
                            wrong(flow, event, &what)
                        })?;
                        known.and_then(|person| person.slack_id)
                    }
                    Words::Nobody => None,
                };
                let Some(id) = found else {
                    let what = format!(
                        "its {} cannot be used: {} is nobody in Slack",
                        field.name,
                        plain(&in_words(person))
                    );
                    return Err(wrong(flow, event, &what));
                };
                *person = Value::String(id);
            }
        }
        Ok(())
    }
}

fn wrong(flow: &Flow, event: EventName, what: &str) -> HandlerFailure {
    let event = event.as_str();
    wrong_result(
        flow,
        ON_PROMPT,
        format!("returned ApprovalTemplate.{event}(…), but {what}"),
    )
}

/// Whether a keyword belongs to the decision, also where a field has the same name: why the code decided is not why somebody asked.
fn is_of_the_decision(event: EventName, keyword: &str) -> bool {
    event.verdict().is_some() && matches!(keyword, "reason" | "decision_message")
}

/// How a hook named somebody.
enum Words {
    Id(String),
    Address(String),
    Nobody,
}

fn words_for(person: &Value) -> Words {
    let user = &person["$user"];
    let words = person
        .as_str()
        .or_else(|| person["user_id"].as_str())
        .or_else(|| user["slack_id"].as_str())
        .or_else(|| user["email"].as_str());
    match words.map(str::trim) {
        Some(words) if words.contains('@') => Words::Address(words.to_owned()),
        // As the SDK's `SlackUser` has it.
        Some(id) if id.starts_with(['U', 'W']) => Words::Id(id.to_owned()),
        _ => Words::Nobody,
    }
}

/// The fields that the hook gave, read as a submitted form.
fn given(flow: &Flow, fire: &Fire) -> Result<form::Submission, HandlerFailure> {
    let wrong = |what: String| wrong(flow, fire.event, &what);
    if flow.strategy.is_some() {
        if fire.target.is_none() {
            return Err(wrong(
                "this flow gives access to a target: give target_srn".to_owned(),
            ));
        }
        if fire.duration_seconds.is_none() && flow.params.schedule_deescalation {
            return Err(wrong(
                "this flow gives access for a time: give duration, in seconds".to_owned(),
            ));
        }
    }
    // Target and duration are known, and nothing has to be given.
    let mut bare = flow.clone();
    if bare.strategy.take().is_some() {
        bare.prompt_fields
            .retain(|field| ![TARGET_FIELD, DURATION_FIELD].contains(&field.name.as_str()));
    }
    let mut open = FormState::default();
    for field in &mut bare.prompt_fields {
        field.required = false;
        if field.prefetch {
            // What the reducer would give counts instead.
            field.allowed_values = None;
        }
        let free = field.allowed_values.as_ref().is_none_or(Vec::is_empty);
        if let (FieldType::StrList, true, Some(Value::Array(items))) =
            (field.field_type, free, fire.fields.get(&field.name))
        {
            // As choices, each item stays whole, whatever is in it.
            let known = FieldState {
                options: Some(items.iter().filter_map(option).collect()),
                ..FieldState::default()
            };
            open.fields.insert(field.name.clone(), known);
        }
    }
    let asked = questions_of(&bare, &open);
    let mut state = Map::new();
    let mut problems = Vec::new();
    for question in &asked {
        let given = fire.fields.get(question.name);
        let value = given
            .filter(|_| !is_of_the_decision(fire.event, question.name))
            .unwrap_or(&Value::Null);
        let is_bool = matches!(question.topic, Topic::Field(FieldType::Bool));
        if is_bool && !value.is_null() && text::parse_bool(&plain(value)).is_none() {
            let words = plain(value);
            problems.push(format!(
                "its {} cannot be used: {words:?} is neither true nor false",
                question.name
            ));
        } else if let Some(input) = input(question, value) {
            state.insert(question.id.clone(), json!({ &question.id: input }));
        }
    }
    let read = form::read(&bare, &open, &Value::Object(state));
    if let Err(errors) = &read {
        let of = |id: &str| {
            let question = asked.iter().find(|question| question.id == id);
            question.map_or_else(|| id.to_owned(), |question| question.name.to_owned())
        };
        let at = errors.at.iter();
        problems
            .extend(at.map(|(id, problem)| format!("its {} cannot be used: {problem}", of(id))));
        problems.extend(errors.general.clone());
    }
    match read {
        Ok(read) if problems.is_empty() => Ok(read),
        _ => Err(wrong(problems.join("; "))),
    }
}

fn option(item: &Value) -> Option<StateOption> {
    let value = plain(&in_words(item));
    (!value.trim().is_empty()).then(|| StateOption {
        label: value.clone(),
        value,
    })
}

/// What Slack would send for this value; `None` for one that is not given.
fn input(question: &Question<'_>, value: &Value) -> Option<Value> {
    let seconds = matches!(question.topic, Topic::Field(FieldType::Duration));
    Some(match (&in_words(value), question.topic) {
        (Value::Null, _) => return None,
        (Value::Array(ids), Topic::Field(FieldType::SlackUserList)) => {
            json!({ "selected_users": ids })
        }
        (one, Topic::Field(FieldType::SlackUserList)) => json!({ "selected_users": [one] }),
        (one, Topic::Field(FieldType::SlackUser)) => json!({ "selected_user": one }),
        (Value::Number(number), _) if seconds => {
            let choice = question.choices.iter().flatten().find(|choice| {
                number.as_u64().is_some() && text::parse_duration(&choice.value) == number.as_u64()
            });
            json!({ "value": choice.map_or_else(|| format!("{number}s"), |choice| choice.value.clone()) })
        }
        (Value::Array(items), _) => match codes(question, items) {
            Some(codes) => json!({ "selected_options": codes }),
            None => json!({ "value": items.iter().map(plain).collect::<Vec<_>>().join("\n") }),
        },
        (one, _) => json!({ "value": plain(one) }),
    })
}

/// The choices of a list that these are; `None` where one is none, or where they are more than somebody could type.
fn codes(question: &Question<'_>, items: &[Value]) -> Option<Vec<String>> {
    let choices = question.choices.as_ref()?;
    let words: Vec<String> = items
        .iter()
        .map(plain)
        .filter(|item| !item.trim().is_empty())
        .collect();
    let letters: usize = words.iter().map(|item| item.chars().count()).sum();
    if letters > limits::TEXT_INPUT_CHARS {
        return None;
    }
    let code = |item: &String| {
        let choice = choices.iter().find(|choice| choice.value == *item);
        choice.map(|choice| choice.code.clone())
    };
    words.iter().map(code).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::audit::plain_value;
    use crate::flows::catalog::PromptField;
    use crate::flows::{LoadOptions, load};

    fn flow(name: &str) -> Flow {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/ok");
        let loaded = load(&LoadOptions {
            dirs: vec![dir.join(name)],
            ..LoadOptions::default()
        });
        Flow::clone(&loaded.flows[0].flow)
    }

    /// Required prompt fields of these types.
    fn fields(of: &[(&str, FieldType)]) -> Vec<PromptField> {
        let field = |&(name, field_type): &(&str, FieldType)| PromptField {
            name: name.to_owned(),
            field_type,
            label: None,
            required: true,
            visible: true,
            default: None,
            allowed_values: None,
            prefetch: false,
            on_change: None,
        };
        of.iter().map(field).collect()
    }

    fn fire(fields: &Value) -> Fire {
        Fire {
            event: EventName::Request,
            target: None,
            duration_seconds: None,
            fields: fields.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn what_is_given_is_read_as_the_form_reads_it_and_nothing_has_to_be() {
        let mut flow = flow("guide_minimal");
        flow.prompt_fields = fields(&[("count", FieldType::Int), ("counts", FieldType::IntList)]);
        assert!(given(&flow, &fire(&json!({}))).unwrap().fields.is_empty());
        for (name, value, wrong) in [
            ("count", json!(7), json!("seven")),
            ("counts", json!([1, 2]), json!([1, "two"])),
        ] {
            let read = given(&flow, &fire(&json!({ name: value, "other": 1 }))).unwrap();
            assert_eq!(read.fields.len(), 1);
            assert_eq!(plain_value(&read.fields[0].value), value);
            let failure = given(&flow, &fire(&json!({ name: wrong }))).unwrap_err();
            let words = format!("its {name} cannot be used");
            assert!(failure.to_string().contains(&words), "{failure}");
        }
    }

    #[test]
    fn people_that_the_hook_gives_are_picked() {
        let mut flow = flow("guide_minimal");
        let person = |given: Value| match words_for(&given) {
            Words::Id(id) => id,
            Words::Address(_) | Words::Nobody => panic!("{given} has no id"),
        };
        let user = person(json!({ "$user": { "slack_id": "U0BOB0000", "username": "bob" } }));
        let other = person(json!("U0CAROL00"));
        flow.prompt_fields = fields(&[
            ("one", FieldType::SlackUser),
            ("some", FieldType::SlackUserList),
        ]);
        let fields = json!({ "one": user, "some": [user, other] });
        let read = given(&flow, &fire(&fields)).unwrap();
        let values: Vec<_> = read
            .fields
            .iter()
            .map(|field| plain_value(&field.value))
            .collect();
        assert_eq!(
            values,
            [json!("U0BOB0000"), json!(["U0BOB0000", "U0CAROL00"])]
        );
    }

    #[test]
    fn a_request_for_access_without_a_target_is_none() {
        let flow = flow("custom_strategy");
        let failure = given(&flow, &fire(&json!({}))).unwrap_err();
        assert!(failure.to_string().contains("give target_srn"), "{failure}");
        let target = flow.strategy.as_ref().unwrap().targets[0].chosen();
        let with_target = Fire {
            target: Some(target),
            ..fire(&json!({}))
        };
        assert!(given(&flow, &with_target).is_ok());
    }
}
