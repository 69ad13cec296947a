// Package admin is the Admin API: the configuration's objects, bundles, health
// and metrics over HTTP, on paths that begin with /admin. What it can say of an
// object comes from the table of kinds in package configstore; a new kind needs
// no code here.
//
// The handler does not authenticate. Whoever mounts it does; it only refuses what
// a browser sends for a page of another origin, and Host names that a page could
// have rebound to this machine.
package admin
