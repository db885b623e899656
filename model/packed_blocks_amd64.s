#include "textflag.h"

// The routines of packed.go that go through all of a matrix, four rows at a time: what is read of x counts for four, and
// one loop in four ends. DI and R13 go along the first and the third row, whose distance to the second and the fourth is R9
// bytes: the rows' length. R8 is the rows' first number in bytes.

// func packedScaleAddAVX2(m, x *float64, n int, s, c float64)
TEXT ·packedScaleAddAVX2(SB), NOSPLIT, $0-40
	MOVQ         m+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSD s+24(FP), Y15
	VBROADCASTSD c+32(FP), Y14
	SHLQ         $3, CX
	XORQ         R8, R8

rows:
	LEAQ         32(R8), R9
	LEAQ         (DI)(R9*2), R13
	VBROADCASTSD (SI)(R8*1), Y10
	VBROADCASTSD 8(SI)(R8*1), Y11
	VBROADCASTSD 16(SI)(R8*1), Y12
	VBROADCASTSD 24(SI)(R8*1), Y13
	VMULPD       Y14, Y10, Y10
	VMULPD       Y14, Y11, Y11
	VMULPD       Y14, Y12, Y12
	VMULPD       Y14, Y13, Y13
	XORQ         R10, R10

columns:
	VMOVUPD (SI)(R10*1), Y8
	VMULPD  (DI), Y15, Y0
	VMULPD  (DI)(R9*1), Y15, Y1
	VMULPD  (R13), Y15, Y2
	VMULPD  (R13)(R9*1), Y15, Y3
	VMULPD  Y8, Y10, Y4
	VMULPD  Y8, Y11, Y5
	VMULPD  Y8, Y12, Y6
	VMULPD  Y8, Y13, Y7
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, (DI)(R9*1)
	VMOVUPD Y2, (R13)
	VMOVUPD Y3, (R13)(R9*1)
	ADDQ    $32, DI
	ADDQ    $32, R13
	ADDQ    $32, R10
	CMPQ    R10, R9
	JLT     columns
	LEAQ    (R13)(R9*1), DI
	MOVQ    R9, R8
	CMPQ    R8, CX
	JLT     rows
	VZEROUPPER
	RET

// func packedUpdateAVX2(m *float64, s float64, x *float64, a float64, y *float64, b float64, n int)
TEXT ·packedUpdateAVX2(SB), NOSPLIT, $0-56
	MOVQ         m+0(FP), DI
	VBROADCASTSD s+8(FP), Y15
	MOVQ         x+16(FP), SI
	MOVQ         y+32(FP), BX
	MOVQ         n+48(FP), CX
	SHLQ         $3, CX
	XORQ         R8, R8

rows:
	LEAQ         32(R8), R9
	LEAQ         (DI)(R9*2), R13
	VBROADCASTSD a+24(FP), Y0
	VBROADCASTSD b+40(FP), Y1
	VBROADCASTSD (SI)(R8*1), Y7
	VBROADCASTSD 8(SI)(R8*1), Y8
	VBROADCASTSD 16(SI)(R8*1), Y9
	VBROADCASTSD 24(SI)(R8*1), Y10
	VMULPD       Y0, Y7, Y7
	VMULPD       Y0, Y8, Y8
	VMULPD       Y0, Y9, Y9
	VMULPD       Y0, Y10, Y10
	VBROADCASTSD (BX)(R8*1), Y11
	VBROADCASTSD 8(BX)(R8*1), Y12
	VBROADCASTSD 16(BX)(R8*1), Y13
	VBROADCASTSD 24(BX)(R8*1), Y14
	VMULPD       Y1, Y11, Y11
	VMULPD       Y1, Y12, Y12
	VMULPD       Y1, Y13, Y13
	VMULPD       Y1, Y14, Y14
	XORQ         R10, R10

columns:
	VMOVUPD (SI)(R10*1), Y4
	VMULPD  (DI), Y15, Y0
	VMULPD  (DI)(R9*1), Y15, Y1
	VMULPD  (R13), Y15, Y2
	VMULPD  (R13)(R9*1), Y15, Y3
	VMULPD  Y4, Y7, Y5
	VMULPD  Y4, Y8, Y6
	VADDPD  Y5, Y0, Y0
	VADDPD  Y6, Y1, Y1
	VMULPD  Y4, Y9, Y5
	VMULPD  Y4, Y10, Y6
	VADDPD  Y5, Y2, Y2
	VADDPD  Y6, Y3, Y3
	VMOVUPD (BX)(R10*1), Y4
	VMULPD  Y4, Y11, Y5
	VMULPD  Y4, Y12, Y6
	VADDPD  Y5, Y0, Y0
	VADDPD  Y6, Y1, Y1
	VMULPD  Y4, Y13, Y5
	VMULPD  Y4, Y14, Y6
	VADDPD  Y5, Y2, Y2
	VADDPD  Y6, Y3, Y3
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, (DI)(R9*1)
	VMOVUPD Y2, (R13)
	VMOVUPD Y3, (R13)(R9*1)
	ADDQ    $32, DI
	ADDQ    $32, R13
	ADDQ    $32, R10
	CMPQ    R10, R9
	JLT     columns
	LEAQ    (R13)(R9*1), DI
	MOVQ    R9, R8
	CMPQ    R8, CX
	JLT     rows
	VZEROUPPER
	RET

// func packedProductAVX2(dst, m, x *float64, n int)
TEXT ·packedProductAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DX
	MOVQ m+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	SHLQ $3, CX
	XORQ R8, R8

rows:
	LEAQ         32(R8), R9
	LEAQ         (DI)(R9*2), R13
	VBROADCASTSD (SI)(R8*1), Y12
	VBROADCASTSD 8(SI)(R8*1), Y13
	VBROADCASTSD 16(SI)(R8*1), Y14
	VBROADCASTSD 24(SI)(R8*1), Y15
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	VXORPD       Y2, Y2, Y2
	VXORPD       Y3, Y3, Y3
	XORQ         R10, R10
	JMP          more

columns:
	VMOVUPD (SI)(R10*1), Y8
	VMOVUPD (DI), Y4
	VMOVUPD (DI)(R9*1), Y5
	VMOVUPD (R13), Y6
	VMOVUPD (R13)(R9*1), Y7
	VMULPD  Y8, Y4, Y9
	VMULPD  Y8, Y5, Y10
	VADDPD  Y9, Y0, Y0
	VADDPD  Y10, Y1, Y1
	VMULPD  Y8, Y6, Y9
	VMULPD  Y8, Y7, Y10
	VADDPD  Y9, Y2, Y2
	VADDPD  Y10, Y3, Y3
	VMULPD  Y12, Y4, Y4
	VMULPD  Y13, Y5, Y5
	VMULPD  Y14, Y6, Y6
	VMULPD  Y15, Y7, Y7
	VADDPD  Y5, Y4, Y4
	VADDPD  Y7, Y6, Y6
	VADDPD  Y6, Y4, Y4
	VADDPD  (DX)(R10*1), Y4, Y4
	VMOVUPD Y4, (DX)(R10*1)
	ADDQ    $32, DI
	ADDQ    $32, R13
	ADDQ    $32, R10

more:
	CMPQ       R10, R8
	JLT        columns
	VMOVUPD    (SI)(R8*1), Y8
	VMULPD     (DI), Y8, Y4
	VMULPD     (DI)(R9*1), Y8, Y5
	VMULPD     (R13), Y8, Y6
	VMULPD     (R13)(R9*1), Y8, Y7
	VADDPD     Y4, Y0, Y0
	VADDPD     Y5, Y1, Y1
	VADDPD     Y6, Y2, Y2
	VADDPD     Y7, Y3, Y3
	VHADDPD    Y1, Y0, Y0
	VHADDPD    Y3, Y2, Y2
	VPERM2F128 $0x20, Y2, Y0, Y4
	VPERM2F128 $0x31, Y2, Y0, Y5
	VADDPD     Y5, Y4, Y4
	VMOVUPD    Y4, (DX)(R8*1)
	LEAQ       32(R13)(R9*1), DI
	MOVQ       R9, R8
	CMPQ       R8, CX
	JLT        rows
	VZEROUPPER
	RET

// func packedQuadraticAVX2(m, x *float64, n int) float64
TEXT ·packedQuadraticAVX2(SB), NOSPLIT, $0-32
	MOVQ   m+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   n+16(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	SHLQ   $3, CX
	XORQ   R8, R8

rows:
	LEAQ         32(R8), R9
	LEAQ         (DI)(R9*2), R13
	VMOVUPD      (SI)(R8*1), Y3
	VCMPPD       $4, Y2, Y3, Y4 // not equal, or not a number
	VMOVMSKPD    Y4, AX
	TESTQ        AX, AX
	JEQ          skip
	VBROADCASTSD (SI)(R8*1), Y12
	VBROADCASTSD 8(SI)(R8*1), Y13
	VBROADCASTSD 16(SI)(R8*1), Y14
	VBROADCASTSD 24(SI)(R8*1), Y15
	XORQ         R10, R10
	JMP          more

columns:
	VMULPD (DI), Y12, Y4
	VMULPD (DI)(R9*1), Y13, Y5
	VMULPD (R13), Y14, Y6
	VMULPD (R13)(R9*1), Y15, Y7
	VADDPD Y5, Y4, Y4
	VADDPD Y7, Y6, Y6
	VADDPD Y6, Y4, Y4
	VMULPD (SI)(R10*1), Y4, Y4
	VADDPD Y4, Y0, Y0
	ADDQ   $32, DI
	ADDQ   $32, R13
	ADDQ   $32, R10

more:
	CMPQ   R10, R8
	JLT    columns
	VMULPD (DI), Y12, Y4
	VMULPD (DI)(R9*1), Y13, Y5
	VMULPD (R13), Y14, Y6
	VMULPD (R13)(R9*1), Y15, Y7
	VADDPD Y5, Y4, Y4
	VADDPD Y7, Y6, Y6
	VADDPD Y6, Y4, Y4
	VMULPD Y3, Y4, Y4
	VADDPD Y4, Y1, Y1
	LEAQ   32(R13)(R9*1), DI
	JMP    next

skip:
	LEAQ (DI)(R9*4), DI

next:
	MOVQ         R9, R8
	CMPQ         R8, CX
	JLT          rows
	VADDPD       Y0, Y0, Y0
	VADDPD       Y0, Y1, Y0
	VEXTRACTF128 $1, Y0, X1
	VHADDPD      X0, X0, X0
	VHADDPD      X1, X1, X1
	VADDSD       X1, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+24(FP)
	RET
