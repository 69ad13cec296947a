package sqlitex

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Explain says of a database's error which file it is about and what to do. Errors
// that are not SQLite's stay as they are.
func Explain(path string, err error) error {
	text := ""
	switch code(err) {
	case lib.SQLITE_NOTADB:
		text = "is not a SQLite database: give another path, or move the file away"
	case lib.SQLITE_CORRUPT:
		text = "is damaged: restore it from a backup, or move it away to start anew"
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL:
		text = "is locked by another program: end that one, or give another path"
	case lib.SQLITE_CANTOPEN, lib.SQLITE_PERM, lib.SQLITE_AUTH:
		text = "cannot be opened: check the permissions of the file and its folder"
	case lib.SQLITE_READONLY:
		text = "cannot be written: check the permissions of the file and its folder"
	case lib.SQLITE_FULL:
		text = "has no room to grow: the disk is full"
	case lib.SQLITE_IOERR:
		text = "cannot be read or written: the disk reports an error"
	case 0:
		return err
	default:
		text = "reports an error"
	}
	return fmt.Errorf("database %s %s: %w", path, text, err)
}

func isBusy(err error) bool {
	c := code(err)
	return c == lib.SQLITE_BUSY || c == lib.SQLITE_LOCKED || c == lib.SQLITE_PROTOCOL
}

// code is SQLite's primary result code, 0 when err is not SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}
