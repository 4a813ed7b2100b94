resource "sym_flow" "this" {
  name           = "approval"
  implementation = file("impl.py")
  params {
    prompt_field {
      name    = "count"
      type    = "int"
      default = "many"
    }
    prompt_field {
      name           = "level"
      type           = "string"
      default        = "c"
      allowed_values = ["a", "b", "a"]
    }
    prompt_field {
      name    = "yes"
      type    = "bool"
      default = "yes"
    }
    prompt_field {
      name           = "number"
      type           = "int"
      allowed_values = ["1", "x"]
    }
    prompt_field {
      name    = "words"
      type    = "str_list"
      default = "a"
    }
  }
}
