package program

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Unreadable lists those files that a service's user may not read, and why: root,
// who checks a configuration, can read what the service then cannot. Files that are
// not there are left out. Without such a user there is no service, and nothing to say.
func Unreadable(name string, files []string) []string {
	who, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	groups, _ := who.GroupIds()
	return unreadable(name, who.Uid, groups, files)
}

func unreadable(name, uid string, groups, files []string) (out []string) {
	for _, file := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			continue
		}
		at, need := file, fs.FileMode(4)
		for allowed(at, uid, groups, need) {
			if at == filepath.Dir(at) {
				at = ""
				break
			}
			at, need = filepath.Dir(at), 1
		}
		switch at {
		case "":
		case file:
			out = append(out, fmt.Sprintf("%s: the service's user %s may not read it; chown root:%s and chmod 0640", file, name, name))
		default:
			out = append(out, fmt.Sprintf("%s: the service's user %s may not enter %s", file, name, at))
		}
	}
	return out
}

// allowed reports whether somebody has rights on a file, by its mode alone.
func allowed(file, uid string, groups []string, need fs.FileMode) bool {
	info, err := os.Stat(file)
	if err != nil {
		return true
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || uid == "0" {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case strconv.Itoa(int(s.Uid)) == uid:
		mode >>= 6
	case slices.Contains(groups, strconv.Itoa(int(s.Gid))):
		mode >>= 3
	}
	return mode&need == need
}

// Me names the user that runs this program.
func Me() string {
	uid := strconv.Itoa(os.Geteuid())
	who, err := user.LookupId(uid)
	if err != nil {
		return "user " + uid
	}
	return "user " + who.Username
}
