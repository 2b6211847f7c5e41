//! Several writers that read a disordered history.

use std::collections::BTreeMap;

use sqlx::PgPool;
use uuid::Uuid;

use super::apply;
use crate::{
    db::{MIGRATOR, testing::mirror_pool},
    mirror::{
        change::{Change, CompleteList},
        testing::{deleted, store, upserted},
    },
    project::{
        Kind, Object,
        testing::{Fixture, run, tenant, uid, workflow},
    },
};

const WRITERS: usize = 4;
const TENANTS: [&str; 2] = ["acme", "globex"];

/// Deterministic random numbers (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// A change of the history, which several writers apply.
#[derive(Clone)]
enum Step {
    Version(Object),
    Deleted(Object, i64),
}

impl Step {
    fn change(&self) -> Change {
        match self {
            Self::Version(object) => upserted(object.clone()),
            Self::Deleted(object, version) => deleted(object, *version),
        }
    }
}

/// History of a few names, with the expected rows at its end: status, version and whether the object exists.
#[derive(Default)]
struct History {
    steps: Vec<Step>,
    expected: BTreeMap<(Kind, Uuid), (String, i64, bool)>,
    version: i64,
}

impl History {
    fn generate(random: &mut Random) -> Self {
        let mut history = Self { version: 100, ..Self::default() };
        for incarnation in 0..3 {
            for name in 0..8 {
                let tenant = TENANTS[name % 2];
                history.workflow(random, tenant, &format!("workflow-{name}"), incarnation);
                history.run(random, tenant, &format!("run-{name}"), incarnation);
            }
        }
        history
    }

    fn workflow(&mut self, random: &mut Random, tenant: &str, name: &str, incarnation: usize) {
        let fixture = workflow(tenant, name).uid(uid(&format!("{name}, {incarnation}")));
        let versions = 1 + random.below(3);
        self.object(random, &vec![(fixture, "ACTIVE"); versions], incarnation);
    }

    fn run(&mut self, random: &mut Random, tenant: &str, name: &str, incarnation: usize) {
        let fixture = run(tenant, "workflow-1", name).uid(uid(&format!("{name}, {incarnation}")));
        let end = if random.below(2) == 0 { ("Succeeded", "SUCCEEDED") } else { ("Failed", "FAILED") };
        let phases = [("Queued", "QUEUED"), ("Running", "RUNNING"), ("Suspended", "SUSPENDED"), end];
        let phases = phases.into_iter().take(1 + random.below(4));
        let versions: Vec<_> = phases.map(|(phase, status)| (fixture.clone().phase(phase), status)).collect();
        self.object(random, &versions, incarnation);
    }

    /// Adds the versions of an object, and its deletion if another object has its name later.
    fn object(&mut self, random: &mut Random, versions: &[(Fixture, &str)], incarnation: usize) {
        let (mut last, mut status) = (None, "");
        for (fixture, state) in versions {
            self.version += 1;
            let object = fixture.clone().version(self.version).build();
            self.steps.push(Step::Version(object.clone()));
            (last, status) = (Some(object), state);
        }
        let (object, version) = (last.unwrap(), self.version);
        let key = (object.identity.kind, object.identity.uid);
        let is_deleted = incarnation < 2 || random.below(2) == 0;
        if is_deleted {
            self.version += 1;
            self.steps.push(Step::Deleted(object, self.version));
        }
        let is_final = ["SUCCEEDED", "FAILED"].contains(&status);
        match (key.0, is_deleted) {
            (Kind::Workflow, true) => return,
            (_, true) if !is_final => status = "CANCELLED",
            _ => {}
        }
        self.expected.insert(key, (status.to_owned(), version, !is_deleted));
    }

    /// Returns what one writer applies: most changes, some of them twice, in any order. Each change is left to at least one writer.
    fn disordered(&self, writer: usize, random: &mut Random) -> Vec<Step> {
        let mut steps = Vec::new();
        for (position, step) in self.steps.iter().enumerate() {
            if position % WRITERS == writer || random.below(3) > 0 {
                steps.push(step.clone());
            }
            if random.below(4) == 0 {
                steps.push(step.clone());
            }
        }
        random.shuffle(&mut steps);
        steps
    }
}

async fn rows(owner: &PgPool) -> BTreeMap<(Kind, Uuid), (String, i64, bool)> {
    let rows: Vec<(String, Uuid, String, i64, bool)> = sqlx::query_as(
        "select 'WORKFLOW', id, state, resource_version, true from workflows
         union all select 'WORKFLOW_RUN', id, status, resource_version, live from workflow_runs",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    let rows = rows.into_iter();
    rows.map(|(kind, id, state, version, live)| ((kind.parse().unwrap(), id), (state, version, live)))
        .collect()
}

/// Four writers that apply the same history at once, each in another order, with repetitions and gaps, end with the rows of the
/// history: the newest version of each object, no deleted workflow, and the record of each deleted run. Events have no gaps.
#[sqlx::test(migrator = "MIGRATOR")]
async fn four_writers_of_a_disordered_history_agree(owner: PgPool) {
    let pool = mirror_pool(&owner).await;
    for seed in 1..=2 {
        sqlx::raw_sql(
            "truncate tenants, workflows, workflow_runs, event_counters, events, mirror_tombstones, mirror_sync cascade",
        )
        .execute(&owner)
        .await
        .unwrap();
        store(&owner, TENANTS.map(|slug| tenant(slug).version(seed).build())).await;
        let mut random = Random(u64::try_from(seed).unwrap() * 7919);
        let history = History::generate(&mut random);
        let orders: Vec<_> = (0..WRITERS).map(|writer| history.disordered(writer, &mut random)).collect();
        let writer = async |steps: &[Step]| {
            for (number, batch) in steps.chunks(7).enumerate() {
                let changes: Vec<_> = batch.iter().take(1 + number % 7).map(Step::change).collect();
                apply(&pool, None, &changes).await.unwrap();
                let remainder: Vec<_> = batch.iter().skip(1 + number % 7).map(Step::change).collect();
                apply(&pool, None, &remainder).await.unwrap();
            }
        };
        tokio::join!(writer(&orders[0]), writer(&orders[1]), writer(&orders[2]), writer(&orders[3]));
        assert_eq!(rows(&owner).await, history.expected, "seed {seed}");
        for kind in [Kind::Workflow, Kind::WorkflowRun] {
            let listed = history.expected.iter().filter(|((found, _), (.., live))| *found == kind && *live);
            let uids = listed.map(|((_, uid), _)| *uid).collect();
            let list = CompleteList { kind, resource_version: history.version, uids };
            apply(&pool, None, &[Change::ListCompleted(list)]).await.unwrap();
        }
        assert_eq!(rows(&owner).await, history.expected, "seed {seed}: a list changes nothing");
        let gaps: i64 = sqlx::query_scalar(
            "select coalesce(sum(missing), 0)::bigint
             from (select max(seq) - count(*) as missing from events group by tenant_id) as tenants",
        )
        .fetch_one(&owner)
        .await
        .unwrap();
        assert_eq!(gaps, 0);
    }
}
