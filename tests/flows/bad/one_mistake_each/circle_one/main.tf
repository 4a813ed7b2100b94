module "m" { source = "../circle_two" }
