package strict

import "strings"

// Nearest returns the known name that name was probably meant to be: the one
// that differs only in case, hyphens and underscores, else the one that takes the
// fewest edits. It is "" when nothing is near.
func Nearest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	plain := squash(name)
	best, fewest := "", len(plain)/4+2
	for _, k := range known {
		p := squash(k)
		if p == plain {
			return k
		}
		if d := edits(plain, p); d < fewest && d < len(p) {
			best, fewest = k, d
		}
	}
	return best
}

func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// edits counts the insertions, deletions, substitutions and swaps of neighbours
// that make b of a.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
