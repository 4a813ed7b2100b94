resource "sym_flow" "this" {
  name           = "access"
  implementation = file("impl.py")
  params {
    strategy_id = sym_strategy.this.id
    prompt_field {
      name           = "target_id"
      label          = "What"
      type           = "string"
      allowed_values = ["ignored"]
    }
    prompt_field {
      name           = "duration"
      type           = "duration"
      allowed_values = ["15m", "4h"]
    }
    prompt_field {
      name     = "repo_name"
      type     = "string"
      prefetch = true
    }
  }
}

resource "sym_target" "repo" {
  type           = "github_repo"
  name           = "repo"
  label          = "Repository"
  field_bindings = ["repo_name"]
}

resource "sym_target" "fixed" {
  type = "github_repo"
  name = "fixed"
  settings = {
    repo_name = "example/fixed"
  }
}

resource "sym_integration" "github" {
  type        = "github"
  name        = "github"
  external_id = "example"
  settings = {
    api_token_secret = sym_secret.token.id
  }
}

resource "sym_secrets" "this" {
  type = "aws_secrets_manager"
  name = "store"
}

resource "sym_secret" "token" {
  path      = "github/token"
  source_id = sym_secrets.this.id
  settings = {
    json_key = "token"
  }
}

resource "sym_strategy" "this" {
  type           = "github"
  name           = "github"
  label          = "GitHub"
  integration_id = sym_integration.github.id
  targets        = [sym_target.repo.id, "", null, sym_target.fixed.id]
}
