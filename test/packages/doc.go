// Package packages tests the Debian packages where they will be: on a Debian with
// systemd. It boots one from a folder, in namespaces of its own, and installs,
// upgrades, removes and purges there.
package packages
