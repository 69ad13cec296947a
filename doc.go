// Package gateway is an AI gateway: one [http.Handler] in front of LLM providers and MCP
// servers.
//
//	gw, err := gateway.New(
//		gateway.WithStaticBundle(bundle, os.LookupEnv),
//		gateway.WithEventWriter(events),
//	)
//	if err != nil {
//		return err
//	}
//	defer gw.Shutdown(ctx)
//	http.ListenAndServe("127.0.0.1:8080", gw)
//
// A request that a configured route matches is authenticated with a virtual key,
// sent to the route's provider or MCP server, relayed byte by byte and recorded as one
// event.
// [Gateway.Dispatcher] serves in front of another handler instead, and
// [Gateway.Admin] is the Admin API, closed until somebody says who may use it.
//
// Without options a gateway works with an in-memory store, which the Admin API
// fills. Two gateways in one process share nothing.
package gateway
