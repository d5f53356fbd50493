//! The model as scenarios use it: its connections, and its faults.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wskit_hub_suite::{Bench, Line};

use crate::engine::{LARGEST, Link, Model, Mutant, Node, World};

/// What disturbs the connection of an engine.
struct Cable {
    model: Model,
    number: usize,
    /// It refuses.
    is_refusing: Arc<Mutex<HashSet<usize>>>,
}

impl Line for Cable {
    fn cut(&self) -> bool {
        self.model.with(|world| {
            world.cut(self.number);
            world.connect(self.number);
        });
        true
    }

    fn refuse(&self) -> bool {
        self.is_refusing.lock().unwrap().insert(self.number);
        self.model.with(|world| world.cut(self.number));
        true
    }

    fn pass(&self) {
        self.is_refusing.lock().unwrap().remove(&self.number);
        self.model.with(|world| world.connect(self.number));
    }
}

/// The model as scenarios use it.
pub(crate) struct ModelBench {
    model: Model,
    is_refusing: Arc<Mutex<HashSet<usize>>>,
    patience: Duration,
}

impl ModelBench {
    pub(crate) fn new(mutant: Mutant) -> Self {
        Self {
            model: Model::new(mutant),
            is_refusing: Arc::default(),
            patience: match mutant {
                Mutant::None => Duration::from_secs(30),
                _ => Duration::from_secs(2),
            },
        }
    }

    fn connect_all(&self, world: &mut World) {
        world.is_down = false;
        let refusing = self.is_refusing.lock().unwrap();
        for number in 0..world.nodes.len() {
            if !refusing.contains(&number) {
                world.connect(number);
            }
        }
    }
}

impl Bench for ModelBench {
    type Engine = Node;

    async fn start() -> Self {
        Self::new(Mutant::None)
    }

    async fn engine(&self) -> (Node, Box<dyn Line>) {
        let number = self.model.with(|world| {
            let is_cut = world.is_down;
            world.nodes.push(Link {
                is_cut,
                ..Link::default()
            });
            world.nodes.len() - 1
        });
        let model = self.model.clone();
        let cable = Cable {
            model: model.clone(),
            number,
            is_refusing: self.is_refusing.clone(),
        };
        (Node { model, number }, Box::new(cable))
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn sizes(&self) -> Option<(usize, usize)> {
        Some((LARGEST, LARGEST + 1))
    }

    fn kill(&self) -> bool {
        self.model.with(|world| {
            world.is_down = true;
            (0..world.nodes.len()).for_each(|number| world.cut(number));
        });
        true
    }

    fn restart(&self) -> bool {
        self.model.with(|world| self.connect_all(world));
        true
    }

    fn wipe(&self) -> bool {
        self.kill();
        self.model.with(|world| {
            if !world.is(Mutant::KeepsEpoch) {
                world.generation += 1;
            }
            world.last_offset = 0;
            world.topics.clear();
            world.members.clear();
            self.connect_all(world);
        });
        true
    }
}
