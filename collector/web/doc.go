// Package web serves the dashboard and its API over HTTP. It is an edge: what it
// shows and changes it is handed through the interfaces of data.go, and who may do
// what is for collector/accounts to say.
//
// Every page of the API stands in one table (routes in table.go) with the permission
// that it needs. A handler never sees the data as a whole: it gets a view, which
// keeps a customer's account to its own customer whatever it asks for.
package web
