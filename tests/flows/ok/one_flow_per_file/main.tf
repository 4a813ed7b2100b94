resource "sym_flow" "this" {
  for_each       = fileset("${path.module}/impls", "*.py")
  name           = trimsuffix(each.value, ".py")
  label          = title(replace(trimsuffix(each.key, ".py"), "_", " "))
  implementation = file("${path.module}/impls/${each.value}")
  vars = {
    hash = filemd5("${path.module}/impls/${each.value}")
  }
}
