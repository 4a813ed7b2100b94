//! The flows that can be started now, and those that open requests are pinned to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::flows::catalog::{Catalog, Flow};
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

    /// Finds a flow by slug (without regard to case) and, where given, environment.
    pub fn find(&self, name: &str, environment: Option<&str>) -> Option<Arc<Flow>> {
        self.catalog()
            .flows
            .iter()
            .find(|flow| {
                flow.name.eq_ignore_ascii_case(name)
                    && environment.is_none_or(|wanted| {
                        flow.environment
                            .as_ref()
                            .is_some_and(|found| found.name.eq_ignore_ascii_case(wanted))
                    })
            })
            .cloned()
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
