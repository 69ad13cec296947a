package gateway

// SweepMCP ends what has been idle for too long, as is done from time to time.
func (g *Gateway) SweepMCP() { g.mcp.Sweep() }
