//! Budgets of runs, in stormy times.

use jiff::SignedDuration;
use spotcron::domain::{Capacity, Usd};
use spotcron::ledger::Counter;
use spotcron::run::{Run, RunEventKind};

use super::world::{BEGIN, CATALOGUE, World, check, scenario};
use crate::samples::at;

/// About a fifth more than a report costs on spot: one that is interrupted late has spent it.
const BUDGET: &str = "0.06";

async fn cost_of(world: &World, run: &Run) -> Usd {
    let entries = world.store.entries(&run.id).await.unwrap();
    entries.iter().filter_map(|entry| entry.priced()).map(|priced| priced.cost).sum()
}

#[tokio::test]
async fn a_run_above_its_budget_is_not_tried_on_spot_again_and_is_counted_once() {
    let class = "name = \"long\"\n";
    let limited = format!("{class}max_cost_usd_per_run = \"{BUDGET}\"\n");
    let catalogue = CATALOGUE.replace(class, &limited);
    let (mut moved, mut over) = (0, 0);
    for seed in 0..3 {
        let mut world = World::of(&catalogue, scenario(8.0), seed).await;
        for _ in 0..3 {
            world.run_for(SignedDuration::from_hours(8)).await;
            world.restart().await;
        }
        check(&world, at(BEGIN)).await;
        let mut over_budget = 0;
        for run in world.runs().await {
            let kinds = world.kinds(&run.id).await;
            let told: Vec<u16> = kinds
                .iter()
                .filter_map(|kind| match kind {
                    RunEventKind::OverBudget { leg, .. } => Some(*leg),
                    _ => None,
                })
                .collect();
            assert_eq!(told.len(), usize::from(run.over_budget), "{}", run.id);
            over_budget += told.len() as i128;
            for kind in &kinds {
                let RunEventKind::Decided { leg, decision, .. } = kind else { continue };
                let guarded = decision.candidates.iter().any(|candidate| {
                    candidate.guards.iter().any(|guard| guard.label() == "above-run-budget")
                });
                if guarded {
                    moved += 1;
                    let leg = &run.legs[usize::from(*leg)];
                    assert_eq!(leg.capacity, Capacity::OnDemand, "{}", run.id);
                }
            }
            // Who is never told stays within it, but for the start that an attempt takes longer.
            let within = cost_of(&world, &run).await <= "0.09".parse().unwrap();
            assert!(run.over_budget || within, "{} {}", run.id, cost_of(&world, &run).await);
        }
        let counted = world.count(|c| matches!(c, Counter::BudgetsExceeded { .. }));
        assert_eq!(counted, over_budget, "seed {seed}");
        over += over_budget;
    }
    assert!(moved > 0 && over > 0, "{moved} {over}: the story is too quiet to tell anything");
}
