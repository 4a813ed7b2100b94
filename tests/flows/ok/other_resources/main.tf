resource "sym_integration" "firehose" {
  type        = "permission_context"
  name        = "firehose"
  external_id = "1"
}

resource "sym_log_destination" "stream" {
  type           = "kinesis_firehose"
  integration_id = sym_integration.firehose.id
  settings = {
    stream_name = aws_kinesis_firehose_delivery_stream.this.name
  }
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name = "sym"
}

resource "sym_log_destination" "datadog" {
  type = "datadog"
}

resource "sym_environment" "this" {
  name                = "main"
  log_destination_ids = [sym_log_destination.stream.id, sym_log_destination.datadog.id]
}

resource "sym_flows_filter" "this" {
  implementation = file("filter.py")
  vars = {
    group = "admins"
  }
}

resource "sym_flow" "this" {
  name           = "approval"
  environment_id = sym_environment.this.id
  implementation = file("impl.py")
}
