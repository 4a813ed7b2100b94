def get_flows(user, flows):
    return flows
