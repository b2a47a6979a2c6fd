/** Form controls with a label, a help text and a fault, joined for screen readers. */

import {
  cloneElement,
  type InputHTMLAttributes,
  type ReactElement,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'

interface FieldProps {
  label: ReactNode
  help?: ReactNode
  fault?: ReactNode
  /** An `input`, `Select`, `textarea`… */
  children: ReactElement<{ id?: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }>
}

export function Field({ label, help, fault, children }: FieldProps) {
  const id = useId()
  const about = [help && `${id}-help`, fault && `${id}-fault`].filter(Boolean).join(' ') || undefined
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id, 'aria-describedby': about, 'aria-invalid': fault ? true : undefined })}
      {help && (
        <p id={`${id}-help`} className="help">
          {help}
        </p>
      )}
      {fault && (
        <p id={`${id}-fault`} className="fault" role="alert">
          {fault}
        </p>
      )}
    </div>
  )
}

export function Input(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input autoComplete="off" {...props} className={`input ${props.className ?? ''}`} />
}

export function TextArea(props: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea {...props} className={`input ${props.className ?? ''}`} />
}

interface SelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'> {
  options: (string | { value: string; label: string; disabled?: boolean })[]
  onChange(value: string): void
}

/** The browser's own list: it works by keyboard, by touch and for screen readers. */
export function Select({ options, onChange, className, ...rest }: SelectProps) {
  return (
    <select
      {...rest}
      className={`input select ${className ?? ''}`}
      onChange={(event) => onChange(event.target.value)}
    >
      {options.map((option) =>
        typeof option === 'string' ? (
          <option key={option} value={option}>
            {option}
          </option>
        ) : (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ),
      )}
    </select>
  )
}

export function Checkbox({
  label,
  checked,
  onChange,
  hidden,
  ...rest
}: {
  label: string
  checked: boolean | 'some'
  onChange(checked: boolean): void
  /** The label is for screen readers only. */
  hidden?: boolean
} & Pick<InputHTMLAttributes<HTMLInputElement>, 'disabled' | 'tabIndex'>) {
  const box = (
    <input
      type="checkbox"
      checked={checked === true}
      ref={(element) => {
        if (element) element.indeterminate = checked === 'some'
      }}
      aria-label={hidden ? label : undefined}
      onChange={(event) => onChange(event.target.checked)}
      {...rest}
    />
  )
  return hidden ? (
    box
  ) : (
    <label className="checkbox">
      {box} {label}
    </label>
  )
}
