//! `views.*`: modals and App Home.

use serde_json::{Value, json};

use super::{ApiError, ApiResult, Args};
use crate::log::ViolationKind;
use crate::shapes;
use crate::validate;
use crate::workspace::Workspace;
use crate::world::{TriggerRefusal, View, ViewSpec};

fn view_argument(args: &Args, kind: &str) -> Result<ViewSpec, ApiError> {
    let view = args
        .structure("view")?
        .ok_or_else(|| ApiError::argument("missing required field: view"))?;
    let messages = validate::view(&view, kind);
    if messages.is_empty() {
        return Ok(ViewSpec(view));
    }
    Err(ApiError::violation(
        "invalid_arguments",
        ViolationKind::InvalidPayload,
        messages,
    ))
}

impl Workspace {
    fn exchange(&self, args: &Args) -> Result<(String, Option<String>), ApiError> {
        let id = args
            .text("trigger_id")
            .or_else(|| args.text("interactivity_pointer"))
            .ok_or_else(|| ApiError::argument("missing required field: trigger_id"))?;
        self.change(|w, clock| w.exchange_trigger(&id, clock))
            .map_err(|refusal| {
                let mut error = ApiError::new(refusal.code());
                // Late happens to the best; inventing or reusing a trigger does not.
                if refusal != TriggerRefusal::Expired {
                    error.violation = Some(ViolationKind::InvalidArgument);
                }
                error
            })
    }

    fn external_id_is_free(&self, spec: &ViewSpec, except: Option<&str>) -> Result<(), ApiError> {
        let id = spec.external_id();
        let taken = !id.is_empty()
            && self.with(|w| {
                w.view_with_external_id(&id)
                    .is_some_and(|v| Some(v.id.as_str()) != except)
            });
        if taken {
            return Err(ApiError::violation(
                "duplicate_external_id",
                ViolationKind::InvalidArgument,
                Vec::new(),
            ));
        }
        Ok(())
    }

    fn view_answer(&self, view: &View) -> Value {
        json!({"view": self.with(|w| shapes::view(w, view))})
    }

    pub(super) fn views_open(&self, args: &Args) -> ApiResult {
        let spec = view_argument(args, "modal")?;
        self.external_id_is_free(&spec, None)?;
        let (user, from) = self.exchange(args)?;
        let view = self.change(|w, clock| w.open_modal(&user, &spec, from, clock));
        self.ring(&user);
        Ok(self.view_answer(&view))
    }

    pub(super) fn views_push(&self, args: &Args) -> ApiResult {
        let spec = view_argument(args, "modal")?;
        self.external_id_is_free(&spec, None)?;
        let (user, _) = self.exchange(args)?;
        if self.with(|w| w.stack(&user).is_empty()) {
            return Err(ApiError::new("not_found"));
        }
        let view = self
            .change(|w, clock| w.push_modal(&user, &spec, clock))
            .ok_or_else(|| {
                ApiError::violation(
                    "push_limit_reached",
                    ViolationKind::InvalidArgument,
                    Vec::new(),
                )
            })?;
        self.ring(&user);
        Ok(self.view_answer(&view))
    }

    pub(super) fn views_update(&self, args: &Args) -> ApiResult {
        let view = args
            .structure("view")?
            .ok_or_else(|| ApiError::argument("missing required field: view"))?;
        let kind = view["type"].as_str().unwrap_or("modal").to_owned();
        let spec = view_argument(args, if kind == "home" { "home" } else { "modal" })?;
        let found = match (args.text("view_id"), args.text("external_id")) {
            (Some(id), _) => self.with(|w| w.view(&id).cloned()),
            (None, Some(external)) => self.with(|w| w.view_with_external_id(&external).cloned()),
            (None, None) => return Err(ApiError::argument("missing required field: view_id")),
        };
        let view = found.ok_or_else(|| ApiError::new("not_found"))?;
        if args.text("hash").is_some_and(|hash| hash != view.hash) {
            return Err(ApiError::new("hash_conflict"));
        }
        self.external_id_is_free(&spec, Some(&view.id))?;
        let updated = self
            .change(|w, clock| w.update_view(&view.id, &spec, clock))
            .ok_or_else(|| ApiError::new("not_found"))?;
        self.ring(&view.user);
        Ok(self.view_answer(&updated))
    }

    pub(super) fn views_publish(&self, args: &Args) -> ApiResult {
        let spec = view_argument(args, "home")?;
        let user = args.required("user_id")?;
        let (known, enabled, old) = self.with(|w| {
            (
                w.person(&user).is_some(),
                w.app.home_tab,
                w.home(&user).map(|v| v.hash.clone()),
            )
        });
        if !known {
            return Err(ApiError::new("user_not_found"));
        }
        if !enabled {
            return Err(ApiError::new("not_enabled"));
        }
        if args.text("hash").is_some_and(|hash| Some(hash) != old) {
            return Err(ApiError::new("hash_conflict"));
        }
        let view = self.change(|w, clock| w.publish_home(&user, &spec, clock));
        self.ring(&user);
        Ok(self.view_answer(&view))
    }
}
