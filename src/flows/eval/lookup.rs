//! Data sources of ours: the object of a name, in any of the loaded roots.

use std::rc::Rc;

use super::World;
use super::module::{Children, Key, Module};
use crate::flows::config::Resource;
use crate::flows::source::{Failure, Place};
use crate::flows::value::Value;

impl World {
    /// A `data "sym_…"`: the object of that name in any of the roots.
    pub(super) fn look_up(
        &self,
        module: &Rc<Module>,
        index: usize,
        data: &Resource,
        key: &Key,
        name: &str,
        place: Place,
    ) -> Result<Value, Failure> {
        let wanted_name = self.attribute(module, index, key, "name", place)?;
        let wanted_type = self.attribute(module, index, key, "type", place)?;
        let (Some(slug), false) = (wanted_name.as_str(), wanted_type.first_unknown().is_some())
        else {
            let address = module.instance_address(data, key);
            return Ok(Value::unknown(&format!("{address}.{name}")));
        };
        let mut found = Vec::new();
        for root in self.roots() {
            self.find(
                &root,
                &data.kind,
                slug,
                wanted_type.as_str(),
                place,
                &mut found,
            )?;
        }
        let [(owner, owner_index, owner_key)] = found.as_slice() else {
            return Err(Failure::new(
                data.place,
                format!(
                    "{}: one {} with the name {slug:?} was expected, but {} were found",
                    module.instance_address(data, key),
                    data.kind,
                    found.len()
                ),
            )
            .hint("load the directory that declares it together with this one")
            .following(self.is_incomplete()));
        };
        let value = self.attribute(owner, *owner_index, owner_key, name, place)?;
        if name == "id" && owner.root_dir != module.root_dir {
            let address = value.as_str().unwrap_or_default();
            return Ok(Value::from(format!("{}:{address}", owner.root_shown)));
        }
        Ok(value)
    }

    fn find(
        &self,
        module: &Rc<Module>,
        kind: &str,
        slug: &str,
        wanted_type: Option<&str>,
        place: Place,
        found: &mut Vec<(Rc<Module>, usize, Key)>,
    ) -> Result<(), Failure> {
        for (index, resource) in module.config.resources.iter().enumerate() {
            if resource.data || resource.kind != kind {
                continue;
            }
            for key in self.expansion(module, index, place)?.keys() {
                let name = self.attribute(module, index, &key, "name", place)?;
                let same_type = match wanted_type {
                    Some(wanted) => {
                        let own = self.attribute(module, index, &key, "type", place)?;
                        own.as_str() == Some(wanted)
                    }
                    None => true,
                };
                let same_name = name
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(slug));
                if same_name && same_type {
                    found.push((Rc::clone(module), index, key));
                }
            }
        }
        for name in module.config.calls.keys() {
            if let Children::Instances(_, instances) = &*self.children(module, name, place)? {
                for child in instances.values() {
                    self.find(child, kind, slug, wanted_type, place, found)?;
                }
            }
        }
        Ok(())
    }
}
