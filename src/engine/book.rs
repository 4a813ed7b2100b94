//! The flows that can be started now, and those that open requests are pinned to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Engine;
use crate::domain::run::PinnedFlow;
use crate::flows::catalog::{Catalog, Environment, Flow};
use crate::store::contract::{Store, StoreError};

/// The current catalog and the versions that runs refer to.
pub struct Book {
    current: RwLock<Arc<Catalog>>,
    /// Versions known to be in the store, with the flow.
    pinned: Mutex<HashMap<String, Arc<Flow>>>,
    store: Arc<dyn Store>,
}

/// Why a flow cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no flow of that version, or it cannot be read.
    #[error("the flow version {version} of an open request is not readable: {reason}")]
    Unreadable { version: String, reason: String },
}

impl Engine {
    /// Makes sure that the store has the flow, and gives the parts of it that a run carries.
    ///
    /// # Errors
    /// The store's.
    pub async fn pin(&self, flow: &Arc<Flow>) -> Result<PinnedFlow, BookError> {
        self.book.pin(flow).await?;
        Ok(pinned(flow, &self.book.catalog()))
    }
}

/// The parts of a flow that a run carries.
fn pinned(flow: &Flow, catalog: &Catalog) -> PinnedFlow {
    PinnedFlow {
        name: flow.name.clone(),
        label: flow.title().to_owned(),
        environment: catalog.environment_shown(flow),
        environment_name: flow.environment.as_ref().map(|one| one.name.clone()),
        version: flow.version.clone(),
        allow_guest_interaction: flow.params.allow_guest_interaction,
        include_decision_message: flow.params.include_decision_message,
        grants_access: flow.strategy.is_some(),
        error_logger: flow.error_logger().map(str::to_owned),
        hooks: flow.hooks(),
    }
}

/// Those of the flows that are in the environment that somebody typed: by its slug, else by its label.
pub(super) fn in_environment(flows: &[Arc<Flow>], typed: &str) -> Vec<Arc<Flow>> {
    let of = |called: fn(&Environment) -> &str| -> Vec<Arc<Flow>> {
        let is_it = |flow: &&Arc<Flow>| {
            let environment = flow.environment.as_ref();
            environment.is_some_and(|one| called(one).to_lowercase() == typed.to_lowercase())
        };
        flows.iter().filter(is_it).cloned().collect()
    };
    let by_name = of(|environment| &environment.name);
    if by_name.is_empty() {
        of(Environment::title)
    } else {
        by_name
    }
}

/// Those of the flows that have this slug (without regard to case).
fn named(flows: &[Arc<Flow>], name: &str) -> Vec<Arc<Flow>> {
    let is_it = |flow: &&Arc<Flow>| flow.name.eq_ignore_ascii_case(name);
    flows.iter().filter(is_it).cloned().collect()
}

/// Those of the flows that are called what somebody typed. Where none is, `_` counts as `-`: slugs have the one, the names of Terraform
/// and of directories the other. Two slugs that differ in nothing else are never taken for each other.
fn meant(flows: &[Arc<Flow>], typed: &str) -> Vec<Arc<Flow>> {
    let exactly = named(flows, typed);
    if !exactly.is_empty() {
        return exactly;
    }
    let plain = |name: &str| name.replace('_', "-").to_ascii_lowercase();
    let mut nearly = flows
        .iter()
        .filter(|flow| plain(&flow.name) == plain(typed));
    let Some(first) = nearly.next() else {
        return Vec::new();
    };
    if nearly.any(|other| !other.name.eq_ignore_ascii_case(&first.name)) {
        return Vec::new();
    }
    named(flows, &first.name)
}

impl Book {
    /// A book over `catalog`.
    pub fn new(catalog: Catalog, store: Arc<dyn Store>) -> Self {
        Self {
            current: RwLock::new(Arc::new(catalog)),
            pinned: Mutex::default(),
            store,
        }
    }

    /// The catalog of this moment.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another catalog in place, whole; returns the one that was there.
    pub fn swap(&self, catalog: Catalog) -> Arc<Catalog> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, Arc::new(catalog))
    }

    /// Flows that may be started from Slack and are what somebody means who types this name.
    pub fn startable(&self, typed: &str) -> Vec<Arc<Flow>> {
        meant(&self.offered(), typed)
    }

    fn offered(&self) -> Vec<Arc<Flow>> {
        let all = self.catalog();
        let offered = all.flows.iter().filter(|flow| flow.allows_source("slack"));
        offered.cloned().collect()
    }

    /// The flow that a form was made from, in its version of now.
    pub fn of_form(&self, name: &str, environment: Option<&str>) -> Option<Arc<Flow>> {
        let name_of = |flow: &Flow| {
            flow.environment
                .as_ref()
                .map(|environment| environment.name.clone())
        };
        named(&self.offered(), name)
            .into_iter()
            .find(|flow| name_of(flow).as_deref() == environment)
    }

    /// Makes sure that the store has the flow, before a run refers to it.
    ///
    /// # Errors
    /// The store's.
    pub async fn pin(&self, flow: &Arc<Flow>) -> Result<(), BookError> {
        if self.pinned_flow(&flow.version).is_some() {
            return Ok(());
        }
        let text = serde_json::to_string(flow.as_ref()).map_err(|error| BookError::Unreadable {
            version: flow.version.clone(),
            reason: error.to_string(),
        })?;
        self.store.put_blob(flow.version.clone(), text).await?;
        self.remember(flow.clone());
        Ok(())
    }

    /// The flow that a run started with.
    ///
    /// # Errors
    /// When the store fails or has it not.
    pub async fn pinned(&self, version: &str) -> Result<Arc<Flow>, BookError> {
        if let Some(flow) = self.pinned_flow(version) {
            return Ok(flow);
        }
        let unreadable = |reason: String| BookError::Unreadable {
            version: version.to_owned(),
            reason,
        };
        let text = self
            .store
            .blob(version.to_owned())
            .await?
            .ok_or_else(|| unreadable("the store has it not".to_owned()))?;
        let flow: Flow =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let flow = Arc::new(flow);
        self.remember(flow.clone());
        Ok(flow)
    }

    fn pinned_flow(&self, version: &str) -> Option<Arc<Flow>> {
        self.pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(version)
            .cloned()
    }

    fn remember(&self, flow: Arc<Flow>) {
        self.pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(flow.version.clone(), flow);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::flows::{LoadOptions, load};

    fn flows(names: &[&str]) -> Vec<Arc<Flow>> {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/ok");
        let loaded = load(&LoadOptions {
            dirs: vec![dir.join("guide_minimal")],
            ..LoadOptions::default()
        });
        let called = |name: &&str| {
            let mut flow = Flow::clone(&loaded.flows[0].flow);
            flow.name = (*name).to_owned();
            Arc::new(flow)
        };
        names.iter().map(called).collect()
    }

    #[test]
    fn a_flow_is_found_by_its_slug_and_else_with_underscores_for_hyphens() {
        let found = |names: &[&str], typed: &str| -> Vec<String> {
            let meant = meant(&flows(names), typed);
            meant.iter().map(|flow| flow.name.clone()).collect()
        };
        assert_eq!(found(&["notify-user", "x"], "Notify_User"), ["notify-user"]);
        assert_eq!(found(&["notify_user"], "notify-user"), ["notify_user"]);
        let twins = ["db-x", "db_x", "a_b-c", "a-b_c"];
        assert_eq!(found(&twins, "DB-X"), ["db-x"]);
        assert_eq!(found(&twins, "db_x"), ["db_x"]);
        assert_eq!(found(&twins, "a-b-c"), [""; 0], "either may be meant");
        // In two environments.
        assert_eq!(found(&["a-b", "a-b"], "a_b"), ["a-b", "a-b"]);
        assert_eq!(found(&["notify-user"], "notifyuser"), [""; 0]);
    }

    #[tokio::test]
    async fn a_form_belongs_to_the_flow_of_exactly_its_name() {
        let catalog = Catalog {
            filter: None,
            log_destinations: Vec::new(),
            version: "1".to_owned(),
            flows: flows(&["notify-user"]),
            sym_resources: std::collections::BTreeMap::new(),
            several_environments: false,
        };
        let book = Book::new(catalog, Arc::new(crate::store::MemoryStore::new()));
        assert_eq!(book.startable("notify_user").len(), 1);
        let environment = book.catalog().flows[0].environment.clone();
        let environment = environment.as_ref().map(|one| one.name.as_str());
        assert!(book.of_form("notify-user", environment).is_some());
        assert!(book.of_form("notify_user", environment).is_none());
    }
}
