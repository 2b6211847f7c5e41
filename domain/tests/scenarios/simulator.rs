//! Simulation of a scenario from its first event to the comparison with the expected result.

use std::collections::BTreeMap;

use crds::WorkflowSpec;
use crds::run::{Decision, RunPhase, StepStatus};
use domain::run::{RunData, StartAttempt, SubRun, SubRunOutcome, Task, persisted_steps, reusable_steps};
use domain::workflow::{
    CodeCheck, Problem, ReferencedSecret, ReferencedWorkflow, ValidWorkflow, ValidationContext, validate,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::calls::Server;
use crate::compare;
use crate::format::{
    Action, Condition, Event, MAIN, NotSimulated, Scenario, ScriptedResult, Simulation, StartRun,
};
use crate::script::{self, Ended};
use crate::world::{Objects, Run, later};

const MAX_ITERATIONS: usize = 50_000;

/// Whether a scenario was simulated.
pub(crate) enum SimulationResult {
    /// The scenario was simulated, and has its expected result.
    Completed,
    /// The scenario is not simulated, for this reason.
    Excluded(String),
}

/// State of the simulation of a scenario.
pub(crate) struct Simulator<'a> {
    pub(crate) scenario: &'a Scenario,
    scripts: BTreeMap<String, Vec<ScriptedResult>>,
    /// Number of ended attempts of each step, over all runs: runs share a script, as they would share a
    /// service.
    ended_attempts: BTreeMap<String, usize>,
    /// Current specs of the workflows, by name.
    specs: BTreeMap<String, Value>,
    pub(crate) runs: Vec<Run>,
    /// Names of the sub-runs of `main`.
    pub(crate) children: Vec<String>,
    ended: BTreeMap<String, SubRunOutcome>,
    pub(crate) objects: Objects,
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
}

/// Simulates a scenario.
///
/// # Errors
/// Returns the differences between the expected and the actual result.
pub(crate) fn simulate(scenario: &Scenario) -> Result<SimulationResult, Vec<String>> {
    let scripts = match (&scenario.pure, &scenario.expect.problems) {
        (Some(Simulation::Excluded(NotSimulated { none })), _) => {
            return Ok(SimulationResult::Excluded(none.clone()));
        }
        (Some(Simulation::Scripts(scripts)), _) => scripts.clone(),
        // Problems are found by validation, without a run.
        (None, Some(_)) => BTreeMap::new(),
        (None, None) => return Err(vec!["the field pure is missing".to_owned()]),
    };
    let mut simulator = Simulator::new(scenario, scripts);
    let as_differences = |error| vec![error];
    if let Some(expected) = &scenario.expect.problems {
        compare::problems(expected, &simulator.valid(MAIN).err().unwrap_or_default())?;
        return Ok(SimulationResult::Completed);
    }
    if let Some(times) = scenario.expect.scheduled {
        simulator.start_by_schedule(times).map_err(as_differences)?;
    }
    if scenario.starts {
        let start =
            StartRun { name: MAIN.to_owned(), workflow: None, input: None, reuse: None, priority: None };
        simulator.start(&start).map_err(as_differences)?;
    }
    simulator.run().map_err(as_differences)?;
    compare::all(&scenario.expect, &simulator)?;
    Ok(SimulationResult::Completed)
}

impl<'a> Simulator<'a> {
    fn new(scenario: &'a Scenario, scripts: BTreeMap<String, Vec<ScriptedResult>>) -> Self {
        let main = (MAIN.to_owned(), scenario.workflow.clone());
        Self {
            scenario,
            scripts,
            ended_attempts: BTreeMap::new(),
            specs: scenario.workflows.clone().into_iter().chain([main]).collect(),
            runs: Vec::new(),
            children: Vec::new(),
            ended: BTreeMap::new(),
            objects: Objects::default(),
            server: Server::new(&scenario.http),
            now: Timestamp::from_second(1_795_500_000).expect("the time is in range"),
        }
    }

    pub(crate) fn spec(&self, workflow: &str) -> WorkflowSpec {
        serde_json::from_value(self.specs[workflow].clone()).expect("the spec is that of a workflow")
    }

    fn valid(&self, workflow: &str) -> Result<ValidWorkflow, Vec<Problem>> {
        let facts = |name: &String| (name.clone(), ReferencedWorkflow::from_spec(&self.spec(name)));
        let secrets = self.scenario.secrets.iter().map(|(name, file)| {
            let facts = ReferencedSecret {
                labelled: file.labelled,
                kind: String::new(),
                keys: file.data.keys().cloned().collect(),
            };
            (name.clone(), facts)
        });
        let environment = ValidationContext {
            own_name: Some(workflow.to_owned()),
            secrets: Some(secrets.collect()),
            workflows: Some(self.specs.keys().map(facts).collect()),
            images: None,
            min_schedule_interval: None,
            code: CodeCheck::Parse,
        };
        validate(&self.spec(workflow), &environment)
    }

    fn run_data(&self, name: &str, workflow: &str, input: Value, depth: u32) -> RunData {
        let secrets = self.spec(workflow).secrets.into_iter().filter_map(|secret| {
            let file = self.scenario.secrets.get(&secret.secret_ref.name)?;
            Some((secret.name, file.data.clone()))
        });
        RunData {
            input,
            run_id: format!("uid-{name}"),
            run_name: name.to_owned(),
            created_at: self.now.to_string(),
            workflow: workflow.to_owned(),
            tenant: "acme".to_owned(),
            secrets: secrets.collect(),
            depth,
            ..RunData::default()
        }
    }

    fn start(&mut self, start: &StartRun) -> Result<(), String> {
        let workflow = start.workflow.as_deref().unwrap_or(MAIN);
        let input = start.input.clone().or_else(|| self.scenario.input.clone()).unwrap_or_default();
        let reused = match &start.reuse {
            None => Vec::new(),
            Some(from) => {
                let earlier = self.run_named(from.run.as_deref().unwrap_or(MAIN));
                let steps: Vec<StepStatus> = earlier.map(|run| run.memory.steps.clone()).unwrap_or_default();
                let valid = self.valid(workflow).map_err(|problems| format!("{problems:?}"))?;
                reusable_steps(&valid, &steps, &from.from)
            }
        };
        self.create(&start.name, workflow, input, 0, reused)?;
        if let (Some(run), Some(priority)) = (self.runs.last_mut(), start.priority) {
            run.priority = priority;
        }
        Ok(())
    }

    pub(crate) fn create(
        &mut self,
        name: &str,
        workflow: &str,
        input: Value,
        depth: u32,
        reused: Vec<StepStatus>,
    ) -> Result<(), String> {
        let valid =
            self.valid(workflow).map_err(|problems| format!("{workflow} is not valid: {problems:?}"))?;
        let completed = valid.complete_input(Some(input).filter(|input| !input.is_null()));
        let violations = completed.as_ref().err().cloned();
        let data = self.run_data(name, workflow, completed.unwrap_or_default(), depth);
        let mut run = Run::new(name, valid, data, self.now, reused);
        if let Some(violations) = violations {
            // The operator rejects such a run before it creates a pod.
            run.finish = Some(domain::run::FinishRun {
                phase: RunPhase::Failed,
                output: None,
                error: Some(crds::run::RunError {
                    step: None,
                    kind: crds::workflow::ErrorKind::Schema,
                    code: "INPUT_INVALID".to_owned(),
                    message: domain::schema::describe_violations(&violations),
                }),
            });
        }
        self.runs.push(run);
        self.supersede();
        Ok(())
    }

    fn create_child(&mut self, sub: SubRun) -> Result<(), String> {
        if self.run_named(&sub.name).is_some() {
            return Ok(());
        }
        if self.run_named(MAIN).is_some_and(|main| main.data.depth + 1 == sub.depth) {
            self.children.push(sub.name.clone());
        }
        self.create(&sub.name, &sub.workflow, sub.input, sub.depth, Vec::new())
    }

    pub(crate) fn run_named(&self, name: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.name == name)
    }

    /// Simulates the scenario until no run can continue.
    fn run(&mut self) -> Result<(), String> {
        let mut events = self.scenario.events.iter().peekable();
        for _ in 0..MAX_ITERATIONS {
            self.advance_all();
            if let Some(event) = events.next_if(|event| self.is_met(&event.when)) {
                self.execute(event)?;
                continue;
            }
            if self.end_one()? {
                continue;
            }
            let next = self.runs.iter().filter_map(Run::due).min();
            match next {
                Some(due) => self.now = later(due.max(self.now), 0.001),
                None if events.peek().is_some() => {
                    return Err(format!("the condition was never met: {:?}", events.peek()));
                }
                None => return Ok(()),
            }
        }
        Err(format!(
            "the scenario did not end within {MAX_ITERATIONS} iterations: {:?}",
            self.run_named(MAIN).map(|run| &run.memory)
        ))
    }

    /// Advances all runs until no further run ends, and propagates ends and cancellations.
    fn advance_all(&mut self) {
        let mut known = usize::MAX;
        while known != self.ended.len() {
            known = self.ended.len();
            self.advance_once();
        }
    }

    fn advance_once(&mut self) {
        self.admit(&self.ended.clone());
        for run_index in 0..self.runs.len() {
            let cancels = self.runs[run_index].advance(&self.ended, self.now);
            for (child, cancel) in cancels {
                for run in self.runs.iter_mut().filter(|run| run.name == child) {
                    run.cancel.get_or_insert(cancel);
                }
            }
        }
        self.ended.extend(self.runs.iter().filter_map(|run| Some((run.name.clone(), run.end()?))));
    }

    /// Ends the first attempt that can end. Returns whether there was one.
    fn end_one(&mut self) -> Result<bool, String> {
        let now = self.now;
        for run_index in 0..self.runs.len() {
            let (scripts, ended_attempts, server) =
                (&self.scripts, &mut self.ended_attempts, &mut self.server);
            let run = &mut self.runs[run_index];
            let mut missing = None;
            let mut answer = |start: &StartAttempt, engine: &domain::run::Run| {
                let step = &start.key.step;
                let Some(script) = scripts.get(step) else {
                    if !matches!(start.task, Task::Http(_)) {
                        missing = Some(step.clone());
                    }
                    return server.answer(engine, start, now);
                };
                let index = ended_attempts.entry(step.clone()).or_default();
                let scripted = script.get(*index).or(script.last()).cloned().unwrap_or(ScriptedResult::Hang);
                let is_received = script::is_received(&scripted);
                let ended = script::outcome(scripted, start, now);
                if matches!(ended, Ended::With(_)) {
                    *index += 1;
                    if is_received {
                        server.record(start);
                    }
                }
                ended
            };
            let ended = run.end_one(&mut answer, &mut self.objects, now);
            if let Some(step) = missing {
                return Err(format!("pure has no script for step {step}"));
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

    /// Returns whether the condition of an event is met.
    fn is_met(&self, when: &Condition) -> bool {
        // Requests of Python and container steps are not simulated, so `called` is ignored.
        let Condition { run, run_phase, step, phase, attempt, items, decision_refused, queued, called: _ } =
            when;
        let Some(run) = self.run_named(run.as_deref().unwrap_or(MAIN)) else {
            return run.is_none() && run_phase.is_none() && step.is_none() && queued.is_none();
        };
        if run_phase.is_some_and(|expected| expected != run.phase()) {
            return false;
        }
        if queued.is_some() && *queued != run.queued_for {
            return false;
        }
        let Some(step) = step else { return true };
        let steps = persisted_steps(&run.memory.steps);
        steps.iter().filter(|status| status.name == *step).any(|status| {
            let done = status.items.as_ref().map_or(0, |items| items.succeeded + items.failed);
            phase.is_none_or(|expected| expected == status.phase)
                && attempt.is_none_or(|expected| Some(expected) == status.attempt)
                && items.is_none_or(|expected| done >= expected)
                && (!decision_refused
                    || status.waiting.as_ref().is_some_and(|waiting| waiting.refused.is_some()))
        })
    }

    /// Executes the action of an event.
    fn execute(&mut self, event: &Event) -> Result<(), String> {
        if event.refused.is_some() {
            return Ok(());
        }
        let (now, objects) = (self.now, &self.objects);
        let main_index = |runs: &mut Vec<Run>| runs.iter().position(|run| run.name == MAIN);
        match &event.action {
            Action::KillRunner | Action::DeletePod => {
                // A scripted result `Hang` belongs to the attempt that is lost, so the next attempt gets the
                // next result.
                for run in self.runs.iter_mut().filter(|run| run.name == MAIN && run.finish.is_none()) {
                    for start in &run.running {
                        let step = &start.key.step;
                        let index = self.ended_attempts.entry(step.clone()).or_default();
                        let hangs = self.scripts.get(step).and_then(|script| script.get(*index));
                        *index += usize::from(matches!(hangs, Some(ScriptedResult::Hang)));
                    }
                    run.lose(objects, now);
                }
            }
            Action::Cancel(cancel) => {
                let name = cancel.run.as_deref().unwrap_or(MAIN);
                self.runs.iter_mut().filter(|run| run.name == name).for_each(|run| {
                    run.cancel = run.cancel.max(Some(cancel.how));
                });
            }
            Action::Decide(decide) => {
                let decision = Decision {
                    key: decide.key.clone(),
                    approved: decide.approved,
                    input: decide.input.clone(),
                    by: Some(format!("{}@scenarios.example", decide.role.as_deref().unwrap_or("admin"))),
                };
                if let Some(index) = main_index(&mut self.runs) {
                    let run = &mut self.runs[index];
                    let refused = run.memory.steps.iter().filter(|step| {
                        step.waiting.as_ref().is_some_and(|waiting| waiting.refused.is_some())
                    });
                    let refused: Vec<_> = refused.map(|step| step.name.clone()).collect();
                    run.decisions
                        .retain(|earlier| earlier.key != decision.key || !refused.contains(&earlier.key));
                    if run.decisions.iter().all(|earlier| earlier.key != decision.key) {
                        run.decisions.push(decision);
                        run.generation += 1;
                    }
                }
            }
            Action::Start(start) => self.start(start)?,
            Action::Edit(spec) => {
                self.specs.insert(MAIN.to_owned(), spec.clone());
            }
            Action::Nothing => {}
            Action::Delete(_) | Action::Secret(_) => {
                return Err(format!("the action requires a cluster: {:?}", event.action));
            }
        }
        Ok(())
    }
}
