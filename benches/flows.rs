//! What it costs to check many flows, and to take over one that changed. `cargo bench --bench flows -- [--check]`.
//!
//! 500 flows in 50 root modules of ten, each module with an environment, an error logger, variables, locals, a template
//! and a local module; each flow with an `impl.py` of its own (500 distinct ones) or each module with one (50). What is
//! measured is what `symbot check` does once its workers are warm: reading, evaluating, compiling each distinct file once.
//! With `--check` the exit code is 1 when more time is taken than is promised.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use symbot::flows::{LoadOptions, load};
use symbot::inspected::Checker;
use symbot::policy::pool::{Pool, PoolConfig};

const ROOTS: usize = 50;
const FLOWS_PER_ROOT: usize = 10;
const REPEATS: usize = 5;

/// What is promised for all flows, each distinct file compiled once.
const CHECK_LIMIT: Duration = Duration::from_secs(1);
/// What is promised for a reload after one flow changed.
const RELOAD_LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let kept = runtime.block_on(measure());
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn measure() -> bool {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_symbot"));
    let pool = Pool::start(PoolConfig::of(program, cores));
    pool.wait_ready(Duration::from_secs(30)).await.unwrap();
    let mut kept = true;
    for (what, codes) in [
        ("one impl.py for each module", 1),
        ("one impl.py for each flow", FLOWS_PER_ROOT),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), codes);
        let options = LoadOptions {
            dirs: vec![dir.path().to_owned()],
            ..LoadOptions::default()
        };
        let evaluated = best(|| {
            let loaded = load(&options);
            assert_eq!(loaded.catalog.flows.len(), ROOTS * FLOWS_PER_ROOT);
        });
        let mut checked = Duration::MAX;
        let mut reloaded = Duration::MAX;
        for round in 0..REPEATS {
            let checker = Checker::new(pool.clone());
            let began = Instant::now();
            let all = checker.check(&options).await;
            checked = checked.min(began.elapsed());
            assert!(!all.inspected.has_errors(), "{:?}", all.errors());
            change_one(dir.path(), round);
            let began = Instant::now();
            let all = checker.check(&options).await;
            reloaded = reloaded.min(began.elapsed());
            assert!(!all.inspected.has_errors(), "{:?}", all.errors());
        }
        println!(
            "{what}: evaluated in {evaluated:?}, checked in {checked:?} (promised {CHECK_LIMIT:?}), one changed flow reloaded in {reloaded:?} (promised {RELOAD_LIMIT:?})"
        );
        kept &= checked < CHECK_LIMIT && reloaded < RELOAD_LIMIT;
    }
    pool.shutdown().await;
    kept
}

fn best(mut what: impl FnMut()) -> Duration {
    (0..REPEATS)
        .map(|_| {
            let began = Instant::now();
            what();
            began.elapsed()
        })
        .min()
        .unwrap()
}

fn implementation(number: usize) -> String {
    let code = include_str!("../flows/urgency/impl.py");
    format!("# Flow {number}\n{code}")
}

fn write(dir: &Path, codes: usize) {
    for root in 0..ROOTS {
        let at = dir.join(format!("root{root:02}"));
        std::fs::create_dir_all(at.join("channels")).unwrap();
        let flows: String = (0..FLOWS_PER_ROOT)
            .map(|flow| {
                format!(
                    r##"
resource "sym_flow" "f{flow}" {{
  name           = "flow-{root}-{flow}"
  label          = title("flow ${{local.team}} {flow}")
  implementation = file("${{path.module}}/impl{}.py")
  environment_id = sym_environment.this.id
  vars           = merge(var.flow_variables, {{ text = local.text, number = "n{flow}" }})

  params {{
    include_decision_message = true

    prompt_field {{
      name     = "reason"
      label    = "Why do you need access?"
      type     = "string"
      required = true
    }}

    dynamic "prompt_field" {{
      for_each = {{ urgency = ["Normal", "Emergency"], size = [for size in ["s", "m", "l"] : upper(size)] }}
      content {{
        name           = prompt_field.key
        type           = "string"
        allowed_values = prompt_field.value
      }}
    }}
  }}
}}
"##,
                    flow % codes
                )
            })
            .collect();
        let main = format!(
            r##"
terraform {{
  required_providers {{
    sym = {{ source = "symopsio/sym", version = "~> 3.0" }}
  }}
}}

variable "flow_variables" {{
  type    = map(string)
  default = {{}}
}}

locals {{
  team = "team{root}"
  text = templatefile("${{path.module}}/text.tftpl", {{ team = local.team }})
}}

module "channels" {{
  source = "./channels"
  team   = local.team
}}

resource "sym_integration" "slack" {{
  type        = "slack"
  name        = "workspace"
  external_id = "T0000000000"
}}

resource "sym_error_logger" "this" {{
  integration_id = sym_integration.slack.id
  destination    = module.channels.errors
}}

resource "sym_environment" "this" {{
  name            = "env-{root}"
  error_logger_id = sym_error_logger.this.id
  integrations    = {{ slack_id = sym_integration.slack.id }}
}}
{flows}"##
        );
        let module = "variable \"team\" { type = string }\noutput \"errors\" { value = \"#${var.team}-errors\" }\n";
        let tfvars = "flow_variables = {\n  request_channel = \"#sym-requests\"\n  emergency_channel = \"#sym-emergencies\"\n}\n";
        std::fs::write(at.join("main.tf"), main).unwrap();
        std::fs::write(at.join("channels/main.tf"), module).unwrap();
        std::fs::write(at.join("terraform.tfvars"), tfvars).unwrap();
        std::fs::write(at.join("text.tftpl"), "For ${team}.\n").unwrap();
        for code in 0..codes {
            let text = implementation(root * codes + code);
            std::fs::write(at.join(format!("impl{code}.py")), text).unwrap();
        }
    }
}

fn change_one(dir: &Path, round: usize) {
    let path = dir.join("root07/impl0.py");
    std::fs::write(path, implementation(1_000_000 + round)).unwrap();
}
