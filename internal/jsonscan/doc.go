// Package jsonscan reads just enough of a JSON text to decide what happens to
// it, and leaves the bytes alone.
//
// [Object] lists the members at the top of a text that is in memory and is
// strict about them: duplicate names, and other spellings of a name that the
// reader depends on, are refused, because two readers of one text could take
// different values from it. What is nested is only balanced and bounded; whether
// it is valid is the business of whoever decodes it. [Tap] picks members out of a
// text that streams by.
package jsonscan
