module "m" { source = "../circle_one" }
