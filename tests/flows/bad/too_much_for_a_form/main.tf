locals {
  fields = [for n in range(100) : { name = "f${n}", type = "string" }]
}

resource "sym_flow" "full" {
  name           = "full"
  implementation = file("impl.py")
  params         = { prompt_fields_json = jsonencode(slice(local.fields, 0, 99)) }
}

resource "sym_flow" "with_header" {
  name           = "with_header"
  implementation = file("impl.py")

  params = {
    additional_header_text = "Please read on."
    prompt_fields_json     = jsonencode(slice(local.fields, 0, 99))
  }
}

resource "sym_flow" "with_hidden" {
  name           = "with_hidden"
  implementation = file("impl.py")

  params = {
    prompt_fields_json = jsonencode(concat(slice(local.fields, 0, 99), [{ name = "more", type = "string", visible = false }]))
  }
}

resource "sym_flow" "access" {
  name           = "access"
  implementation = file("impl.py")

  params = {
    strategy_id        = sym_strategy.this.id
    prompt_fields_json = jsonencode(slice(local.fields, 0, 98))
  }
}

resource "sym_strategy" "this" {
  type    = "http"
  name    = "this"
  targets = [sym_target.this.id]
}

resource "sym_target" "this" {
  type = "http"
  name = "this"
}

resource "sym_flow" "wordy" {
  name           = "wordy"
  implementation = file("impl.py")

  params {
    prompt_field {
      name    = "just"
      type    = "string"
      default = join("", [for n in range(1000) : "éée"])
    }
    prompt_field {
      name    = "more"
      type    = "string"
      visible = false
      default = "${join("", [for n in range(1000) : "éée"])}é"
    }
  }
}
