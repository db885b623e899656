package loop

import "github.com/nextbest/nextbest/learn"

// CompileCandidate compiles a file that might take the place of a loop's own, and may be called anything. Errors are those
// of CompileFile.
func CompileCandidate(loop, path string) (*learn.Definition, error) {
	s := find(path, nil)
	return s.compile(loop)
}

// CompileCandidateText is CompileCandidate of a file that has been read, or the bundle of one; problems name path.
func CompileCandidateText(loop, path string, file []byte) (*learn.Definition, error) {
	c := newCompiler(path)
	c.loop = loop
	return c.compile(file)
}
