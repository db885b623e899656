#include "textflag.h"

// func scoreAVX2(dst *scored, scores *[]float64, numbers *int32, recents *recent, x, squares *float64, n, count int)
//
// Both dot products of score.go side by side, each with the sums and their order of dotAVX2: see vector_amd64.s. R8 and R9
// go through the scores' halves, SI and BX through x and squares.
TEXT ·scoreAVX2(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DX
	MOVQ scores+8(FP), R13
	MOVQ numbers+16(FP), R12
	MOVQ recents+24(FP), R11
	MOVQ n+48(FP), R10
	MOVQ count+56(FP), CX

candidate:
	MOVQ    x+32(FP), SI
	MOVQ    squares+40(FP), BX
	TESTQ   R11, R11
	JEQ     scores
	VMOVUPD (R11), Y0
	VMULPD  Y0, Y0, Y1
	VMOVUPD Y0, (SI)
	VMOVUPD Y1, (BX)
	ADDQ    $32, R11

scores:
	MOVLQSX (R12), AX
	LEAQ    (AX)(AX*2), AX
	MOVQ    (R13)(AX*8), R8
	MOVQ    8(R13)(AX*8), AX
	SHRQ    $1, AX
	LEAQ    (R8)(AX*8), R9
	CMPQ    AX, R10
	CMOVQGT R10, AX
	VXORPD  Y0, Y0, Y0
	VXORPD  Y1, Y1, Y1
	VXORPD  Y2, Y2, Y2
	VXORPD  Y3, Y3, Y3
	VXORPD  Y4, Y4, Y4
	VXORPD  Y5, Y5, Y5
	VXORPD  Y6, Y6, Y6
	VXORPD  Y7, Y7, Y7

sixteen:
	CMPQ    AX, $16
	JLT     four
	VMOVUPD (SI), Y8
	VMOVUPD 32(SI), Y9
	VMOVUPD 64(SI), Y10
	VMOVUPD 96(SI), Y11
	VMOVUPD (BX), Y12
	VMOVUPD 32(BX), Y13
	VMOVUPD 64(BX), Y14
	VMOVUPD 96(BX), Y15
	VMULPD  (R8), Y8, Y8
	VMULPD  32(R8), Y9, Y9
	VMULPD  64(R8), Y10, Y10
	VMULPD  96(R8), Y11, Y11
	VMULPD  (R9), Y12, Y12
	VMULPD  32(R9), Y13, Y13
	VMULPD  64(R9), Y14, Y14
	VMULPD  96(R9), Y15, Y15
	VADDPD  Y8, Y0, Y0
	VADDPD  Y9, Y1, Y1
	VADDPD  Y10, Y2, Y2
	VADDPD  Y11, Y3, Y3
	VADDPD  Y12, Y4, Y4
	VADDPD  Y13, Y5, Y5
	VADDPD  Y14, Y6, Y6
	VADDPD  Y15, Y7, Y7
	ADDQ    $128, SI
	ADDQ    $128, BX
	ADDQ    $128, R8
	ADDQ    $128, R9
	SUBQ    $16, AX
	JMP     sixteen

four:
	TESTQ   AX, AX
	JEQ     reduce
	VMOVUPD (SI), Y8
	VMOVUPD (BX), Y12
	VMULPD  (R8), Y8, Y8
	VMULPD  (R9), Y12, Y12
	VADDPD  Y8, Y0, Y0
	VADDPD  Y12, Y4, Y4
	ADDQ    $32, SI
	ADDQ    $32, BX
	ADDQ    $32, R8
	ADDQ    $32, R9
	SUBQ    $4, AX
	JMP     four

reduce:
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VADDPD       Y5, Y4, Y4
	VADDPD       Y7, Y6, Y6
	VADDPD       Y6, Y4, Y4
	VHADDPD      Y4, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VMOVUPD      X0, (DX)
	ADDQ         $16, DX
	ADDQ         $4, R12
	DECQ         CX
	JNE          candidate
	VZEROUPPER
	RET
