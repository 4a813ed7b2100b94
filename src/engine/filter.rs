//! The flow picker, and the flows filter (`sym_flows_filter`) that is asked which flows a person is offered in it.
//!
//! The filter is a convenience, not a protection: a flow that is named is opened all the same. When the filter fails, nothing is
//! offered. With a filter "Loading…" stands there first, because the trigger lives three seconds.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Engine;
use super::calls::{Asking, flow_input, wrong_result};
use super::outside::Started;
use crate::domain::audit;
use crate::domain::person::Person;
use crate::domain::run::RunId;
use crate::flows::catalog::{Catalog, Flow};
use crate::policy::types::{Arguments, FailureKind, HandlerFailure};
use crate::slack::answer::{self, ErrorReport};
use crate::slack::modal;
use crate::slack::pacing::{Repeat, repeating};
use crate::slack::view::{FlowChoice, FormMetadata};
use crate::store::contract::Commit;

/// The one handler of a filter.
const HANDLER: &str = "get_flows";
/// Title of the picker's pages.
const TITLE: &str = "Request";

/// The flows that may be started from Slack.
fn offered(catalog: &Catalog) -> impl Iterator<Item = &Arc<Flow>> {
    catalog
        .flows
        .iter()
        .filter(|flow| flow.allows_source("slack"))
}

/// A flow as the picker offers it.
fn choice(flow: &Flow) -> FlowChoice {
    let environment = flow.environment.as_ref();
    FlowChoice {
        name: flow.name.clone(),
        label: flow.title().to_owned(),
        environment: environment.map(|environment| environment.name.clone()),
        environment_label: environment.and_then(|environment| environment.label.clone()),
    }
}

/// The channels of the error loggers of these flows: a filter has none of its own.
fn error_loggers(flows: &[&Arc<Flow>]) -> BTreeSet<String> {
    let channels = flows.iter().filter_map(|flow| flow.error_logger());
    channels.map(str::to_owned).collect()
}

impl Engine {
    /// The flows that may be started from Slack, for the picker.
    pub(super) fn choices(&self) -> Vec<FlowChoice> {
        offered(&self.book.catalog())
            .map(|flow| choice(flow))
            .collect()
    }

    /// Opens the picker; `note` stands above the flows.
    pub(super) async fn open_picker(
        self: &Arc<Self>,
        started: &Started,
        person: &Person,
        metadata: &FormMetadata,
        note: Option<&str>,
    ) {
        let catalog = self.book.catalog();
        let Some(filter) = &catalog.filter else {
            let view = modal::flow_picker(&self.choices(), metadata, note);
            self.open_view(started, &view).await;
            return;
        };
        let Some(opened) = self.open_view(started, &modal::loading(TITLE)).await else {
            return;
        };
        let offered: Vec<&Arc<Flow>> = offered(&catalog).collect();
        let view = match self.filtered(filter, &offered, person, metadata).await {
            Ok(choices) => modal::flow_picker(&choices, metadata, note),
            Err(failure) => {
                let told = error_loggers(&offered);
                let form = metadata.run.unwrap_or_default();
                self.not_listed(filter, person, form, told, &failure).await
            }
        };
        let shown = repeating(Repeat::TRIGGER, || {
            self.outside.api.views_update(opened.target(), &view)
        })
        .await;
        match shown {
            Ok(_) => {}
            Err(error) if opened.was_closed(&error) => {}
            Err(error) => {
                let words = self.trouble("The list of flows could not be shown.", &error);
                self.outside.answer_now(&started.answer_to(), &words).await;
            }
        }
    }

    /// Those of the flows that the filter offers, in its order.
    async fn filtered(
        self: &Arc<Self>,
        filter: &Arc<Flow>,
        flows: &[&Arc<Flow>],
        person: &Person,
        metadata: &FormMetadata,
    ) -> Result<Vec<FlowChoice>, HandlerFailure> {
        let asking = Asking {
            flow: filter,
            code: &filter.implementation,
            run: None,
            deadline: self.outside.handler_timeout,
        };
        let mut input = self.prompt_input(filter, person, metadata);
        input.arguments = Some(Arguments::Flows {
            flows: flows.iter().map(|flow| flow_input(flow)).collect(),
            vars: filter.vars.clone(),
        });
        // By its version the record of the call finds its source.
        if let Err(error) = self.pin(filter).await {
            tracing::warn!(%error, "the code of the flows filter cannot be kept; what it is asked cannot be replayed");
        }
        let handlers = vec![HANDLER.to_owned()];
        let answer = self.call_handlers(asking, handlers, input).await?;
        let wrong = |message: &str| wrong_result(filter, HANDLER, message.to_owned());
        let positions = answer
            .flows
            .ok_or_else(|| wrong("the function is not defined"))?;
        positions
            .into_iter()
            .map(|position| match flows.get(position) {
                Some(flow) => Ok(choice(flow)),
                None => Err(wrong("returned a flow that it was not given")),
            })
            .collect()
    }

    /// There is no request that could carry what went wrong: the log, the audit journal and the error loggers of the flows that
    /// would have been offered have it, under the code that the person sees.
    async fn not_listed(
        self: &Arc<Self>,
        filter: &Flow,
        person: &Person,
        form: RunId,
        told: BTreeSet<String>,
        failure: &HandlerFailure,
    ) -> Value {
        let now = self.clock.now();
        // No two failures of a moment have one code.
        let salt = now.0.cast_unsigned() ^ person.id.as_u64_pair().1;
        let error = self.handler_failed(form, salt, &filter.name, failure);
        let who = person.to_ref();
        let workspace = &self.outside.directory.home().team_id;
        let words = format!("{HANDLER} failed (code {}): {}", error.code, error.message);
        let commit = Commit {
            audit: vec![audit::flow_selection(form, &who, workspace, &words, now)],
            ..Commit::default()
        };
        if let Err(failed) = self.store.commit(commit).await {
            tracing::error!(code = error.code, error = %failed, "the failure of the flows filter could not be recorded");
        }
        let report = ErrorReport {
            code: &error.code,
            message: &error.message,
            flow: Some(&filter.name),
            step: Some(HANDLER),
            person: Some(&who),
            hint: Some("until it works again, people reach flows by name only: /sym req NAME"),
            place: error.details.place.as_deref(),
            exception: error.details.exception.as_deref(),
            ..ErrorReport::default()
        };
        self.tell_error_loggers(told, answer::error_report(&report));
        let words = match failure.kind {
            FailureKind::Unreachable => {
                "Slack did not answer while the list of flows was being made, and nothing was requested. Please try again in a \
                 moment. A flow whose name you know opens with /sym req NAME."
            }
            _ => {
                "The list of flows could not be made, and nothing was requested. Please try again; if it fails again, tell \
                 whoever looks after your flows. A flow whose name you know opens with /sym req NAME."
            }
        };
        modal::error(TITLE, words, &error.code)
    }
}
