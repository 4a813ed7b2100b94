resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  environment_id = sym_environment.this.id
}

resource "sym_environment" "this" {
  name                = "main"
  log_destination_ids = [sym_log_destination.good.id, sym_flow.this.id, "nothing"]
}

resource "sym_log_destination" "good" {
  type     = "http"
  settings = { url = "https://collector.example.com/records" }
}

resource "sym_log_destination" "unused" {
  type     = "http"
  settings = { url = "https://collector.example.com/records" }
}

resource "sym_log_destination" "without_url" {
  type = "http"
}

resource "sym_log_destination" "wrong_scheme" {
  type     = "http"
  settings = { url = "ftp://collector.example.com" }
}

resource "sym_log_destination" "unknown" {
  type     = "http"
  settings = { url = aws_ssm_parameter.url.value }
}

resource "sym_log_destination" "misspelled" {
  type           = "kinesis"
  integration_id = "x"
}
