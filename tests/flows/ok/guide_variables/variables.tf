variable "flow_variables" {
  description = "Values that hooks and reducers can use."
  type        = map(string)
  default     = {}
}
