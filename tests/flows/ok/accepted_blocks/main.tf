terraform {
  required_version = ">= 1.3"
  backend "s3" {
    bucket = "state"
  }
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "other"
  region = var.undeclared_elsewhere
}

moved {
  from = sym_flow.old
  to   = sym_flow.this
}

import {
  to = sym_flow.this
  id = "approval"
}

removed {
  from = sym_flow.older
}

check "health" {
  assert {
    condition     = true
    error_message = "never"
  }
}

resource "null_resource" "this" {
  provisioner "local-exec" {
    command = "true"
  }
  depends_on = [sym_flow.this]
}

resource "sym_flow" "this" {
  provider       = sym
  depends_on     = [null_resource.before]
  name           = "approval"
  implementation = file("impl.py")
  lifecycle {
    prevent_destroy = true
  }
}

resource "null_resource" "before" {}
