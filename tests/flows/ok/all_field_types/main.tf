resource "sym_flow" "this" {
  name           = "all"
  implementation = file("impl.py")
  params {
    allowed_sources = []
    prompt_field {
      name = "free_text"
      type = "string"
    }
    prompt_field {
      name           = "count"
      type           = "int"
      allowed_values = [1, 2, 3]
      default        = 2
    }
    prompt_field {
      name     = "yes"
      type     = "bool"
      required = false
      default  = true
    }
    prompt_field {
      name           = "how_long"
      type           = "duration"
      allowed_values = ["30s", "10m", "1h", "2d", "1mo"]
    }
    prompt_field {
      name = "who"
      type = "slack_user"
    }
    prompt_field {
      name     = "who_else"
      type     = "slack_user_list"
      required = false
      prefetch = false
    }
    prompt_field {
      name           = "words"
      type           = "str_list"
      allowed_values = ["a", "b"]
    }
    prompt_field {
      name           = "numbers"
      type           = "int_list"
      allowed_values = ["1", "x"]
    }
    prompt_field {
      name     = "later"
      type     = "string"
      visible  = false
      prefetch = true
    }
  }
}
