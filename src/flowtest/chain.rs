//! Events that hooks of a case fire, followed as the bot follows them: forward only, each once and once more by recursion.

use serde_json::{Map, Value, json};

use super::run::OneCase;
use super::suite::Expectations;
use super::tree::Place;
use crate::domain::hook::{EventName, When, hook_name, may_fire};
use crate::domain::person::{Person, PersonRef, Role};
use crate::engine::user_input;
use crate::policy::types::{
    ChannelInput, EventInput, FailureKind, HandlerAnswer, HandlerFailure, HookOutcome, UserInput,
};

/// The event that a hook has answered, and those that led to it.
pub(super) struct Fired<'a> {
    /// The hook that may have fired another event.
    pub hook: String,
    /// Its event last.
    pub chain: Vec<EventName>,
    pub event: &'a EventInput,
}

impl OneCase<'_> {
    /// Follows what the hook fired, if it did, to its end; what the further hooks say is added to `answer`, and the first answer of
    /// each hook stays.
    pub(super) async fn follow(
        &mut self,
        from: Fired<'_>,
        answer: &mut HandlerAnswer,
        expect: &Expectations,
        place: Place,
    ) -> bool {
        let Fired {
            mut hook,
            mut chain,
            event,
        } = from;
        let mut event = event.clone();
        let mut outcome = answer.hooks.get(&hook).cloned();
        while let Some(HookOutcome::Fire {
            event: name,
            duration_seconds,
            fields,
            ..
        }) = outcome
        {
            let next = match next_event(&chain, &name) {
                Ok(next) => next,
                Err(why) => {
                    let failure = HandlerFailure {
                        file: self.flow.implementation.file.clone(),
                        ..HandlerFailure::new(
                            FailureKind::WrongResult,
                            format!("{hook} returned ApprovalTemplate.{name}(…), but {why}"),
                        )
                    };
                    self.failed(
                        &HandlerFailure {
                            handler: Some(hook),
                            ..failure
                        },
                        expect,
                        place,
                    );
                    return false;
                }
            };
            let again = chain.last() == Some(&next);
            event = fired_event(&event, next, again, duration_seconds, fields);
            chain.push(next);
            outcome = None;
            for when in [When::On, When::After] {
                hook = hook_name(when, next);
                let Some(more) = self.call(vec![hook.clone()], &event, expect, place).await else {
                    return false;
                };
                answer.printed.push_str(&more.printed);
                let said = more.hooks.get(&hook).cloned();
                for (name, said) in more.hooks {
                    answer.hooks.entry(name).or_insert(said);
                }
                match said {
                    None | Some(HookOutcome::Proceed) => {}
                    said => {
                        outcome = said;
                        break;
                    }
                }
            }
        }
        true
    }
}

fn next_event(chain: &[EventName], name: &str) -> Result<EventName, String> {
    let next = EventName::parse(name).ok_or_else(|| "there is no such event".to_owned())?;
    may_fire(chain, next)?;
    Ok(next)
}

/// The event that a hook fired after `before`; fired again, it stays the deed of whoever did it.
fn fired_event(
    before: &EventInput,
    next: EventName,
    again: bool,
    duration_seconds: Option<u64>,
    fields: Map<String, Value>,
) -> EventInput {
    let mut event = before.clone();
    next.as_str().clone_into(&mut event.name);
    event.event_channel = ChannelInput {
        channel_type: "sdk".to_owned(),
        identifier: None,
    };
    event.arguments = None;
    if !again && next.verdict().is_some() {
        event.user = automation();
    }
    if let Some(seconds) = duration_seconds {
        event.fields.insert("duration".to_owned(), json!(seconds));
    }
    event.fields.extend(fields);
    event.run.actors.retain(|(name, _)| name != next.as_str());
    let user = event.user.clone();
    event.run.actors.push((event.name.clone(), user));
    event
}

/// The flow's own code, as it acts.
fn automation() -> UserInput {
    let bot = PersonRef::automation();
    UserInput {
        user_type: Some("bot".to_owned()),
        ..user_input(&Person {
            id: bot.id,
            slack_id: None,
            email: None,
            name: bot.name,
            first_name: None,
            last_name: None,
            role: Role::Member,
            active: true,
        })
    }
}
