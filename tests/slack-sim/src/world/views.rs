//! Views: each person's stack of modals, their App Home, and what happens to entered values when a view changes.

use serde_json::Value;

use super::{StateValues, View, World};
use crate::blocks;
use crate::clock::Clock;
use crate::ids;

/// Slack shows at most three views on top of each other.
pub(crate) const MAX_STACK: usize = 3;

/// A view as the app sends it, already validated.
#[derive(Debug, Clone)]
pub(crate) struct ViewSpec(pub(crate) Value);

impl ViewSpec {
    fn text(&self, key: &str) -> String {
        self.0
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    fn plain(&self, key: &str) -> Value {
        self.0
            .get(key)
            .cloned()
            .map_or(Value::Null, blocks::completed_text)
    }

    fn blocks(&self) -> Vec<Value> {
        blocks::completed(
            self.0
                .get("blocks")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        )
    }

    pub(crate) fn external_id(&self) -> String {
        self.text("external_id")
    }
}

impl World {
    pub fn view(&self, id: &str) -> Option<&View> {
        self.views.get(id)
    }

    pub fn view_mut(&mut self, id: &str) -> Option<&mut View> {
        self.views.get_mut(id)
    }

    pub fn view_with_external_id(&self, external_id: &str) -> Option<&View> {
        self.views.values().find(|v| v.external_id == external_id)
    }

    /// The person's open views, the visible one last.
    pub fn stack(&self, user: &str) -> &[String] {
        self.stacks.get(user).map_or(&[], Vec::as_slice)
    }

    /// The view the person looks at.
    pub fn open_view(&self, user: &str) -> Option<&View> {
        self.stack(user).last().and_then(|id| self.views.get(id))
    }

    pub fn home(&self, user: &str) -> Option<&View> {
        self.homes.get(user).and_then(|id| self.views.get(id))
    }

    /// Opens a modal in place of whatever was open.
    pub(crate) fn open_modal(
        &mut self,
        user: &str,
        spec: &ViewSpec,
        from: Option<String>,
        clock: &Clock,
    ) -> View {
        self.close_all(user);
        let view = new_view(user, spec, None, from, clock);
        self.show(view)
    }

    /// Puts a modal on top. `None` if there are already three.
    pub(crate) fn push_modal(
        &mut self,
        user: &str,
        spec: &ViewSpec,
        clock: &Clock,
    ) -> Option<View> {
        if self.stack(user).len() >= MAX_STACK {
            return None;
        }
        let below = self.open_view(user).cloned();
        let from = below.as_ref().and_then(|v| v.from_channel.clone());
        Some(self.show(new_view(user, spec, below.as_ref(), from, clock)))
    }

    fn show(&mut self, view: View) -> View {
        self.stacks
            .entry(view.user.clone())
            .or_default()
            .push(view.id.clone());
        self.views.insert(view.id.clone(), view.clone());
        view
    }

    /// Replaces the content of a view; what was entered stays where block id, action id and element type stay.
    pub(crate) fn update_view(&mut self, id: &str, spec: &ViewSpec, clock: &Clock) -> Option<View> {
        let view = self.views.get_mut(id)?;
        view.callback_id = spec.text("callback_id");
        view.title = spec.plain("title");
        view.submit = spec.plain("submit");
        view.close = spec.plain("close");
        view.private_metadata = spec.text("private_metadata");
        view.clear_on_close = spec.flag("clear_on_close");
        view.notify_on_close = spec.flag("notify_on_close");
        view.external_id = spec.external_id();
        view.blocks = spec.blocks();
        view.state = blocks::state_of(
            &view.blocks,
            Some(&view.state),
            view.from_channel.as_deref(),
        );
        view.errors.clear();
        view.hash = ids::view_hash(clock.unix_seconds());
        view.updated_at = clock.instant();
        view.updates += 1;
        Some(view.clone())
    }

    pub(crate) fn publish_home(&mut self, user: &str, spec: &ViewSpec, clock: &Clock) -> View {
        if let Some(id) = self.homes.get(user).cloned()
            && let Some(view) = self.update_view(&id, spec, clock)
        {
            return view;
        }
        let view = new_view(user, spec, None, None, clock);
        self.homes.insert(user.to_owned(), view.id.clone());
        self.views.insert(view.id.clone(), view.clone());
        view
    }

    /// Closes the visible view and shows the one below.
    pub(crate) fn close_top(&mut self, user: &str) -> Option<View> {
        let id = self.stacks.get_mut(user)?.pop()?;
        self.views.remove(&id)
    }

    /// Closes one view wherever it is in the stack; what is above it goes too.
    pub(crate) fn close_view(&mut self, user: &str, id: &str) -> Option<View> {
        let stack = self.stacks.get_mut(user)?;
        let at = stack.iter().position(|v| v == id)?;
        let above: Vec<String> = stack.drain(at..).collect();
        for view in above.iter().skip(1) {
            self.views.remove(view);
        }
        self.views.remove(id)
    }

    /// Closes everything, the visible view first.
    pub(crate) fn close_all(&mut self, user: &str) -> Vec<View> {
        let mut closed = Vec::new();
        while let Some(view) = self.close_top(user) {
            closed.push(view);
        }
        closed
    }

    pub(crate) fn enter_in_view(
        &mut self,
        view_id: &str,
        block_id: &str,
        action_id: &str,
        state: Value,
    ) -> bool {
        let Some(view) = self.views.get_mut(view_id) else {
            return false;
        };
        blocks::put_state(&mut view.state, block_id, action_id, state);
        view.errors.remove(block_id);
        true
    }
}

fn new_view(
    user: &str,
    spec: &ViewSpec,
    below: Option<&View>,
    from: Option<String>,
    clock: &Clock,
) -> View {
    let id = ids::random("V0", 9);
    let blocks = spec.blocks();
    let state: StateValues = blocks::state_of(&blocks, None, from.as_deref());
    View {
        root_view_id: below.map_or_else(|| id.clone(), |v| v.root_view_id.clone()),
        previous_view_id: below.map(|v| v.id.clone()),
        id,
        user: user.to_owned(),
        kind: spec.text("type"),
        callback_id: spec.text("callback_id"),
        title: spec.plain("title"),
        submit: spec.plain("submit"),
        close: spec.plain("close"),
        blocks,
        private_metadata: spec.text("private_metadata"),
        clear_on_close: spec.flag("clear_on_close"),
        notify_on_close: spec.flag("notify_on_close"),
        external_id: spec.external_id(),
        hash: ids::view_hash(clock.unix_seconds()),
        state,
        errors: std::collections::BTreeMap::new(),
        loading: false,
        from_channel: from,
        opened_at: clock.instant(),
        updated_at: clock.instant(),
        updates: 0,
    }
}
