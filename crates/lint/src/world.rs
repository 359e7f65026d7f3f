//! Everything the input says, as one: what rules that look across files need.

use crate::config::Config;
use crate::manifest::{ConfigMap, Facts, MAX_NAMES, Mention, Object, Pod};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The facts of all texts and what is looked up in them.
pub(crate) struct World<'a> {
    pub(crate) facts: &'a [Facts],
    pub(crate) config: &'a Config,
    services: HashSet<(&'a str, &'a str)>,
    config_maps: HashMap<(&'a str, &'a str), &'a ConfigMap>,
    groups: HashSet<&'a str>,
}

impl<'a> World<'a> {
    pub(crate) fn of(facts: &'a [Facts], config: &'a Config) -> World<'a> {
        let objects = facts.iter().flat_map(|facts| &facts.objects);
        let groups = objects.map(|object| object.group()).filter(|group| group.contains('.')).collect();
        let mut world =
            World { facts, config, services: HashSet::new(), config_maps: HashMap::new(), groups };
        for service in facts.iter().flat_map(|facts| &facts.services) {
            if let Some(name) = service.object.name() {
                world.services.insert((world.namespace_of(&service.object), name));
            }
        }
        for map in facts.iter().flat_map(|facts| &facts.config_maps) {
            if let Some(name) = map.object.name() {
                world.config_maps.insert((world.namespace_of(&map.object), name), map);
            }
        }
        world
    }

    /// The namespace of an object, assumed where it names none.
    pub(crate) fn namespace_of(&self, object: &'a Object) -> &'a str {
        object.namespace().unwrap_or(self.config.namespace())
    }

    pub(crate) fn has_service(&self, namespace: &str, name: &str) -> bool {
        self.services.contains(&(namespace, name))
    }

    /// True for an API group of an object in the input and for what lies below it: `plural.group` names a resource, not
    /// a host.
    pub(crate) fn is_api_name(&self, name: &str) -> bool {
        let ends = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        std::iter::once(name).chain(ends).any(|end| self.groups.contains(end))
    }

    /// Namespace and name of every Service.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.services.iter().copied()
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &'a Arc<Object>> {
        self.facts.iter().flat_map(|facts| &facts.objects)
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = &'a Pod> {
        self.facts.iter().flat_map(|facts| &facts.pods)
    }

    /// The names a pod reads: its own, then those of its `ConfigMap`s.
    pub(crate) fn mentions(&self, pod: &'a Pod) -> Vec<&'a Mention> {
        let mut mentions: Vec<&Mention> = pod.mentions.iter().collect();
        let namespace = self.namespace_of(&pod.object);
        for reference in &pod.config_maps {
            let Some(map) = self.config_maps.get(&(namespace, reference.name.as_str())) else { continue };
            let wanted =
                map.mentions.iter().filter(|(key, _)| reference.key.as_ref().is_none_or(|only| only == key));
            mentions.extend(wanted.flat_map(|(_, mentions)| mentions));
            if mentions.len() > MAX_NAMES {
                break;
            }
        }
        mentions
    }
}
