# In a comment %{ if a } opens nothing.
locals {
  fine   = "%{ if true }a%{ endif } %%{ if $${ "
  broken = "%{ for x in [1] }${x}"
}
