//! A scenario from its first event to what is seen in the end.

use std::collections::BTreeMap;

use crds::run::{Decision, RunPhase, StepStatus};
use domain::run::{Child, Facts, Start, SubRun, reuse, written};
use domain::workflow::{Environment, Problem, SecretFacts, Valid, WorkflowFacts, validate};
use jiff::Timestamp;
use serde_json::Value;

use crate::format::{Do, Event, MAIN, Scenario, Scripted, StartRun, When};
use crate::seen;
use crate::world::{Objects, Played, later};

const ROUNDS: usize = 50_000;

/// A scenario that is played.
pub(crate) struct Play<'a> {
    scenario: &'a Scenario,
    scripts: &'a BTreeMap<String, Vec<Scripted>>,
    /// How many attempts of each step have ended, in all runs: a script is that of a service.
    turns: BTreeMap<String, usize>,
    pub(crate) runs: Vec<Played>,
    /// The sub-runs.
    pub(crate) children: Vec<String>,
    ended: BTreeMap<String, Child>,
    objects: Objects,
    now: Timestamp,
}

/// Plays a scenario; false if it needs a cluster.
///
/// # Errors
/// What is not as expected.
pub(crate) fn play(scenario: &Scenario) -> Result<bool, Vec<String>> {
    // Problems are found without anything that runs.
    let none = BTreeMap::new();
    let scripts = scenario.pure.as_ref().or_else(|| scenario.expect.problems.as_ref().map(|_| &none));
    let Some(scripts) = scripts.filter(|_| scenario.skip.is_none()) else { return Ok(false) };
    let needs_cluster = |event: &Event| matches!(event.action, Do::Edit(_) | Do::Delete(_) | Do::Secret(_));
    if scenario.events.iter().any(needs_cluster) || scenario.expect.scheduled.is_some() {
        return Ok(false);
    }
    let mut play = Play {
        scenario,
        scripts,
        turns: BTreeMap::new(),
        runs: Vec::new(),
        children: Vec::new(),
        ended: BTreeMap::new(),
        objects: Objects::default(),
        now: Timestamp::from_second(1_795_500_000).expect("in range"),
    };
    if let Some(expected) = &scenario.expect.problems {
        let found = play.valid(MAIN).err().unwrap_or_default();
        let faults = seen::problems(expected, &found);
        return if faults.is_empty() { Ok(true) } else { Err(faults) };
    }
    if scenario.starts {
        let start =
            StartRun { name: MAIN.to_owned(), workflow: None, input: None, reuse: None, priority: None };
        play.start(&start).map_err(|fault| vec![fault])?;
    }
    play.run().map_err(|fault| vec![fault])?;
    let faults = seen::all(&scenario.expect, &play);
    if faults.is_empty() { Ok(true) } else { Err(faults) }
}

impl Play<'_> {
    fn spec(&self, workflow: &str) -> &Value {
        if workflow == MAIN { &self.scenario.workflow } else { &self.scenario.workflows[workflow] }
    }

    fn valid(&self, workflow: &str) -> Result<Valid, Vec<Problem>> {
        let spec = |name: &str| serde_json::from_value(self.spec(name).clone()).expect("a workflow's spec");
        let names = self.scenario.workflows.keys().map(String::as_str).chain([MAIN]);
        let secrets = self.scenario.secrets.iter().map(|(name, file)| {
            let facts = SecretFacts { labelled: file.labelled, keys: file.data.keys().cloned().collect() };
            (name.clone(), facts)
        });
        let environment = Environment {
            name: Some(workflow.to_owned()),
            secrets: Some(secrets.collect()),
            workflows: Some(names.map(|name| (name.to_owned(), WorkflowFacts::of(&spec(name)))).collect()),
        };
        validate(&spec(workflow), &environment)
    }

    fn facts(&self, name: &str, workflow: &str, input: Value, depth: u32) -> Facts {
        let named = self.spec(workflow).get("secrets").and_then(Value::as_array).cloned().unwrap_or_default();
        let secrets = named.iter().filter_map(|secret| {
            let name = secret.get("name")?.as_str()?.to_owned();
            let file = self.scenario.secrets.get(secret.pointer("/secretRef/name")?.as_str()?)?;
            Some((name, file.data.clone()))
        });
        Facts {
            input,
            run_id: format!("uid-{name}"),
            run_name: name.to_owned(),
            created_at: self.now.to_string(),
            workflow: workflow.to_owned(),
            tenant: "acme".to_owned(),
            secrets: secrets.collect(),
            depth,
            ..Facts::default()
        }
    }

    fn start(&mut self, start: &StartRun) -> Result<(), String> {
        let workflow = start.workflow.as_deref().unwrap_or(MAIN);
        let input = start.input.clone().or_else(|| self.scenario.input.clone()).unwrap_or_default();
        let taken = match &start.reuse {
            None => Vec::new(),
            Some(from) => {
                let earlier = self.named(from.run.as_deref().unwrap_or(MAIN));
                let steps: Vec<StepStatus> = earlier.map(|run| run.memory.steps.clone()).unwrap_or_default();
                let valid = self.valid(workflow).map_err(|problems| format!("{problems:?}"))?;
                reuse(&valid, &steps, &from.from)
            }
        };
        self.create(&start.name.clone(), workflow, input, 0, taken)
    }

    fn create(
        &mut self,
        name: &str,
        workflow: &str,
        input: Value,
        depth: u32,
        taken: Vec<StepStatus>,
    ) -> Result<(), String> {
        let valid =
            self.valid(workflow).map_err(|problems| format!("{workflow} is not valid: {problems:?}"))?;
        let violations = valid.check_input(&input).err();
        let facts = self.facts(name, workflow, input, depth);
        let mut run = Played::new(name, valid, facts, self.now, taken);
        if let Some(violations) = violations {
            // As the operator does before a pod is made.
            run.finish = Some(domain::run::Finish {
                phase: RunPhase::Failed,
                output: None,
                error: Some(crds::run::RunError {
                    step: None,
                    kind: crds::workflow::ErrorKind::Schema,
                    code: "INPUT_INVALID".to_owned(),
                    message: domain::schema::message(&violations),
                }),
            });
        }
        self.runs.push(run);
        Ok(())
    }

    fn create_child(&mut self, sub: SubRun) -> Result<(), String> {
        if self.named(&sub.name).is_some() {
            return Ok(());
        }
        self.children.push(sub.name.clone());
        self.create(&sub.name, &sub.workflow, sub.input, sub.depth, Vec::new())
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Played> {
        self.runs.iter().find(|run| run.name == name)
    }

    fn run(&mut self) -> Result<(), String> {
        let mut events = self.scenario.events.iter().peekable();
        for _ in 0..ROUNDS {
            self.go_on();
            if let Some(event) = events.next_if(|event| self.holds(&event.when)) {
                self.happens(event)?;
                continue;
            }
            if self.end_one()? {
                continue;
            }
            let next = self.runs.iter().filter_map(Played::due).min();
            match next {
                Some(due) => self.now = later(due.max(self.now), 0.001),
                None if events.peek().is_some() => return Err(format!("never holds: {:?}", events.peek())),
                None => return Ok(()),
            }
        }
        Err(format!("it did not end within {ROUNDS} rounds: {:?}", self.named(MAIN).map(|run| &run.memory)))
    }

    /// All runs as far as they come; ends and cancels are passed on.
    fn go_on(&mut self) {
        let mut known = usize::MAX;
        while known != self.ended.len() {
            known = self.ended.len();
            self.go_on_once();
        }
    }

    fn go_on_once(&mut self) {
        for at in 0..self.runs.len() {
            let cancels = self.runs[at].go_on(&self.ended, &self.objects, self.now);
            for (child, how) in cancels {
                for run in self.runs.iter_mut().filter(|run| run.name == child) {
                    run.cancel.get_or_insert(how);
                }
            }
        }
        self.ended.extend(self.runs.iter().filter_map(|run| Some((run.name.clone(), run.end()?))));
    }

    fn end_one(&mut self) -> Result<bool, String> {
        for at in 0..self.runs.len() {
            let (scripts, turns, run) = (self.scripts, &mut self.turns, &mut self.runs[at]);
            let now = self.now;
            let mut missing = None;
            let mut script = |start: &Start| {
                let step = &start.place.step;
                let Some(script) = scripts.get(step) else {
                    missing = Some(step.clone());
                    return Scripted::Hang;
                };
                let turn = turns.entry(step.clone()).or_default();
                let scripted = script.get(*turn).or(script.last()).cloned().unwrap_or(Scripted::Hang);
                if !matches!(scripted, Scripted::Hang) || start.deadline <= now {
                    *turn += 1;
                }
                scripted
            };
            let ended = run.end_one(&mut script, &mut self.objects, self.now);
            if let Some(step) = missing {
                return Err(format!("pure says nothing of step {step}"));
            }
            if let Some(sub) = ended {
                if let Some(sub) = sub {
                    self.create_child(sub)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds(&self, when: &When) -> bool {
        // What was called, and who waits in the queue, is not known here.
        let When { run, run_phase, step, phase, attempt, items, queued: _, called: _ } = when;
        let Some(run) = self.named(run.as_deref().unwrap_or(MAIN)) else {
            return run.is_none() && run_phase.is_none() && step.is_none();
        };
        if run_phase.is_some_and(|wanted| wanted != run.phase()) {
            return false;
        }
        let Some(step) = step else { return true };
        let steps = written(&run.memory.steps);
        steps.iter().filter(|status| status.name == *step).any(|status| {
            let done = status.items.as_ref().map_or(0, |items| items.succeeded + items.failed);
            phase.is_none_or(|wanted| wanted == status.phase)
                && attempt.is_none_or(|wanted| Some(wanted) == status.attempt)
                && items.is_none_or(|wanted| done >= wanted)
        })
    }

    fn happens(&mut self, event: &Event) -> Result<(), String> {
        if event.refused.is_some() {
            return Ok(());
        }
        let (now, objects) = (self.now, &self.objects);
        let main = |runs: &mut Vec<Played>| runs.iter().position(|run| run.name == MAIN);
        match &event.action {
            Do::KillRunner | Do::DeletePod => {
                // A script that hangs is of the attempt that is lost.
                for run in self.runs.iter_mut().filter(|run| run.name == MAIN && run.finish.is_none()) {
                    for start in &run.running {
                        let step = &start.place.step;
                        let turn = self.turns.entry(step.clone()).or_default();
                        let hangs = self.scripts.get(step).and_then(|script| script.get(*turn));
                        *turn += usize::from(matches!(hangs, Some(Scripted::Hang)));
                    }
                    run.lose(objects, now);
                }
            }
            Do::Cancel(cancel) => {
                let name = cancel.run.as_deref().unwrap_or(MAIN);
                self.runs.iter_mut().filter(|run| run.name == name).for_each(|run| {
                    run.cancel.get_or_insert(cancel.how);
                });
            }
            Do::Decide(decide) => {
                let decision = Decision {
                    key: decide.key.clone(),
                    approved: decide.approved,
                    input: decide.input.clone(),
                    by: Some(decide.role.clone().unwrap_or_else(|| "admin".to_owned())),
                };
                if let Some(at) = main(&mut self.runs)
                    && self.runs[at].decisions.iter().all(|made| made.key != decision.key)
                {
                    self.runs[at].decisions.push(decision);
                }
            }
            Do::Start(start) => self.start(start)?,
            Do::Nothing | Do::Edit(_) | Do::Delete(_) | Do::Secret(_) => {}
        }
        Ok(())
    }
}
