resource "sym_integration" "github" {
  type        = "github"
  name        = "github"
  external_id = "example"
  settings    = { api_token_secret = sym_secret.token.id }
}

resource "sym_secrets" "this" {
  type = "aws_secrets_manager"
  name = "store"
}

resource "sym_secret" "token" {
  path      = "github/token"
  source_id = sym_secrets.this.id
}

resource "sym_target" "any" {
  type           = "github_repo"
  name           = "any"
  label          = "Any repository"
  field_bindings = ["repo_name"]
}

resource "sym_strategy" "github" {
  type           = "github"
  name           = "github"
  integration_id = sym_integration.github.id
  targets        = [sym_target.any.id]
}

resource "sym_flow" "this" {
  name           = "github"
  implementation = file("impl.py")

  params {
    strategy_id = sym_strategy.github.id

    prompt_field {
      name = "repo_name"
      type = "string"
    }
  }
}
